import { decodeBlockList } from '../../src-engine/replication/block-list.ts';
import { decodeMessage } from '../../src-engine/replication/message.ts';
import { BLOCK, type Scene, type SimulatedSite } from './scene.ts';

const CHANNEL_HEADER_BYTES = 16;
/** Blocks that `dirty` writes in part, and how many more it writes whole. */
export const PARTLY = 300;
export const WHOLLY = 20;

/** What of a consistency point's list of volume block updates has reached a destination. */
export class ListTap {
  /** Messages with a part of the list. */
  messages = 0;
  /** Blocks in them, and how many of those came with their content. */
  blocks = 0;
  withData = 0;
  /** Blocks of the whole list, as its messages say. */
  total = 0;
  prepares = 0;
  commits = 0;
  /** Called after each of the messages was counted, before the destination sees it. */
  onList: (tap: ListTap) => void = () => undefined;
  onPrepare: () => void = () => undefined;

  constructor(site: SimulatedSite) {
    site.onReceived = (frame) => {
      if (frame.length < CHANNEL_HEADER_BYTES) return;
      const message = decodeMessage(frame.subarray(CHANNEL_HEADER_BYTES));
      if (message?.method === 'cp-blocks') {
        const updates = decodeBlockList(message.body) ?? [];
        this.messages++;
        this.blocks += updates.length;
        this.withData += updates.filter((update) => update.content !== undefined).length;
        this.total = Number(message.parameters['blocks']);
        this.onList(this);
      }
      if (message?.method === 'cp-commit') this.commits++;
      if (message?.method === 'cp-prepare') {
        this.prepares++;
        this.onPrepare();
      }
    };
  }
}

/**
 * Acknowledged writes whose consistency point must carry content: half a block each (the log's entry alone does not make the
 * block), so many that the list takes several messages, and some whole blocks that travel by reference.
 */
export async function dirty(scene: Scene, fill: number): Promise<void> {
  const { north, world } = scene;
  const volume = scene.volumeOf(north);
  const write = (offset: number, length: number, value: number): Promise<void> =>
    volume.write(offset, new Uint8Array(length).fill(value)).then(() => { scene.expected.fill(value, offset, offset + length); });
  await world.settle(Promise.all(Array.from({ length: PARTLY }, (_, vbn) => write(vbn * BLOCK + (vbn % 2) * (BLOCK / 2), BLOCK / 2, fill + (vbn % 7)))));
  await world.settle(Promise.all(Array.from({ length: WHOLLY }, (_, i) => write((PARTLY + i) * BLOCK, BLOCK, fill + (i % 5)))));
}

import { describe, expect, test } from 'vitest';
import { decodeRuns } from '../../src-engine/replication/resync-wire.ts';
import { decodeBlockList } from '../../src-engine/replication/block-list.ts';
import { decodeMessage } from '../../src-engine/replication/message.ts';
import { BLOCK, makeScene, REGION, type Scene } from './scene.ts';

const CHANNEL_HEADER_BYTES = 16;
/** Names under which a block of somebody's disks could be addressed. */
const ADDRESS = /pbn|dbn|disk|slot|stripe|sector|lba|unit|segment|address|birth/i;

interface Spoken {
  readonly methods: Set<string>;
  readonly names: Set<string>;
  readonly lists: Map<string, number[]>;
}

function namesIn(value: unknown, into: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) namesIn(item, into);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      into.add(name);
      namesIn(inner, into);
    }
  }
}

/** Everything both servers say from now on. */
function listen(scene: Scene): Spoken {
  const spoken: Spoken = { methods: new Set(), names: new Set(), lists: new Map() };
  const heard = (parts: readonly Uint8Array[]): void => {
    const frame = Buffer.concat(parts).subarray(CHANNEL_HEADER_BYTES);
    if (frame.length === 0) return;
    const message = decodeMessage(frame);
    if (message === null) throw new Error('a frame that is no message');
    spoken.methods.add(message.method);
    namesIn(message.parameters, spoken.names);
    if (message.method !== 'cp-blocks' && message.method !== 'resync-blocks') return;
    if (message.kind !== 'call' && message.kind !== 'notify') return;
    const list = message.method === 'cp-blocks' ? decodeBlockList(message.body) : (decodeRuns(message.body)?.runs ?? null);
    if (list === null) throw new Error(`${message.method} carries no block list`);
    for (const update of list) expect(Object.keys(update).every((key) => ['vbn', 'crc', 'reference', 'content', 'count', 'hole'].includes(key))).toBe(true);
    const vbns = list.flatMap((update) => ('count' in update ? Array.from({ length: update.count }, (_, i) => update.vbn + i) : [update.vbn]));
    spoken.lists.set(message.method, [...(spoken.lists.get(message.method) ?? []), ...vbns]);
  };
  scene.north.onSent = heard;
  scene.south.onSent = heard;
  return spoken;
}

describe('what crosses the wire', () => {
  test('A5: no message addresses a block of the destination by anything but its volume block number', async () => {
    const scene = await makeScene({ seed: 150 });
    const { world, north, south } = scene;
    const spoken = listen(scene);
    // when: a whole life, from ordinary consistency points to failover and back
    const vbns = [3, 40, 300];
    for (const vbn of vbns) await scene.write(north, vbn * BLOCK, 80);
    await scene.cp(north);
    scene.link(false);
    await scene.write(north, 5 * REGION, 81);
    scene.link(true);
    await scene.synchronized();
    await scene.done(north, 'verify');
    north.crash();
    await scene.failover(south);
    await scene.write(south, 7 * REGION, 82);
    await world.settle(north.boot());
    await scene.untilAllowed(south, 'reverse-resync');
    await scene.done(south, 'reverse-resync');
    await scene.done(south, 'failback');
    await scene.synchronized();
    // then
    expect([...spoken.methods]).toEqual(expect.arrayContaining(['entries', 'cp-blocks', 'cp-prepare', 'cp-commit', 'resync-compare', 'resync-blocks', 'promote-planned']));
    expect([...spoken.names].filter((name) => ADDRESS.test(name))).toEqual([]);
    expect(spoken.lists.get('cp-blocks')).toEqual(expect.arrayContaining(vbns));
    expect(spoken.lists.get('resync-blocks')).toEqual([5 * 16, 7 * 16]);
  });
});

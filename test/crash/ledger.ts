/**
 * What a host was promised, held in the test's own process: nothing of the engine's ledger, stamps or files is used.
 * Per 4 KiB block there is the last acknowledged version and those issued after it whose fate is unknown; any of these,
 * and nothing else, may be read. What was read once stays (a host saw it).
 */
import { createHash } from 'node:crypto';
import type { DoorClient } from '../../src-main/engine/index.ts';
import type { Seeded } from './seeded.ts';

export const BLOCK = 4096;
const READ_BYTES = 4 * 2 ** 20;
/** Blocks of one write, at most. */
const LONGEST = 16;

interface BlockState {
  acknowledged: number;
  /** Issued after the acknowledged one, not answered. */
  readonly unknown: number[];
  busy: boolean;
}

export interface Finding {
  readonly volume: string;
  readonly block: number;
  readonly acknowledged: number;
  readonly allowed: readonly number[];
  readonly found: string;
}

export class Ledger {
  readonly volume: string;
  readonly #blocks: BlockState[];
  readonly #versions = new Map<string, number>();
  #issued = 0;
  /** Writes (not blocks) that the engine acknowledged. */
  acknowledgedWrites = 0;
  unansweredWrites = 0;

  constructor(volume: string, sizeBytes: number) {
    this.volume = volume;
    this.#blocks = Array.from({ length: sizeBytes / BLOCK }, () => ({ acknowledged: 0, unknown: [], busy: false }));
  }

  /** The same promises, to be checked against another copy of the files. */
  clone(): Ledger {
    const copy = new Ledger(this.volume, 0);
    for (const { acknowledged, unknown } of this.#blocks)
      copy.#blocks.push({ acknowledged, unknown: [...unknown], busy: false });
    for (const [key, version] of this.#versions) copy.#versions.set(key, version);
    copy.#issued = this.#issued;
    return copy;
  }

  /** A free random range, taken until `settle`; null when it is in use. */
  issue(random: Seeded): Write | null {
    const count = random.chance(0.7) ? 1 : 1 + random.below(LONGEST);
    const hot = random.chance(0.5);
    const span = (hot ? Math.min(256, this.#blocks.length) : this.#blocks.length) - count;
    const first = random.below(span + 1);
    const range = this.#blocks.slice(first, first + count);
    if (range.some((state) => state.busy)) return null;
    const version = ++this.#issued;
    const data = Buffer.alloc(count * BLOCK);
    for (const [index, state] of range.entries()) {
      state.busy = true;
      state.unknown.push(version);
      const block = contentOf(this.volume, first + index, version);
      block.copy(data, index * BLOCK);
      this.#versions.set(keyOf(block), version);
    }
    return { offset: first * BLOCK, data, first, count, version };
  }

  settle(write: Write, acknowledged: boolean): void {
    for (const state of this.#blocks.slice(write.first, write.first + write.count)) {
      state.busy = false;
      if (!acknowledged) continue;
      state.acknowledged = write.version;
      state.unknown.length = 0;
    }
    if (acknowledged) this.acknowledgedWrites += 1;
    else this.unansweredWrites += 1;
  }

  /** Compares the whole volume, as read through `name`, with what was promised. Empty: every promise was kept. */
  async verify(client: DoorClient, name: string = this.volume): Promise<Finding[]> {
    const findings: Finding[] = [];
    const total = this.#blocks.length * BLOCK;
    for (let offset = 0; offset < total; offset += READ_BYTES) {
      const length = Math.min(READ_BYTES, total - offset);
      const { dataBase64 } = await client.volume.read({ volume: name, offset, length });
      const data = Buffer.from(dataBase64, 'base64');
      for (let at = 0; at < length; at += BLOCK) {
        const finding = this.#judge((offset + at) / BLOCK, data.subarray(at, at + BLOCK));
        if (finding !== null) findings.push({ ...finding, volume: name });
      }
    }
    return findings;
  }

  #judge(index: number, block: Buffer): Finding | null {
    const state = this.#blocks[index];
    if (state === undefined) throw new Error(`no block ${index}`);
    const found = isZero(block) ? 0 : this.#versions.get(keyOf(block));
    const here = found !== undefined && (found === 0 || contentOf(this.volume, index, found).equals(block));
    if (here && (found === state.acknowledged || state.unknown.includes(found))) {
      // Seen by a host now: it may not change back.
      state.acknowledged = found;
      state.unknown.length = 0;
      return null;
    }
    return {
      volume: this.volume,
      block: index,
      acknowledged: state.acknowledged,
      allowed: [state.acknowledged, ...state.unknown],
      found: found === undefined ? `bytes nobody wrote: ${block.subarray(0, 16).toString('hex')}` : `version ${found}`,
    };
  }
}

export interface Write {
  readonly offset: number;
  readonly data: Buffer;
  readonly first: number;
  readonly count: number;
  readonly version: number;
}

/** Writers that go on until the host is gone or `stop` is called. */
export class Load {
  readonly ledger: Ledger;
  #stopped = false;
  readonly #writers: Promise<void>[];

  constructor(client: DoorClient, ledger: Ledger, random: Seeded, writers: number) {
    this.ledger = ledger;
    this.#writers = Array.from({ length: writers }, () => this.#write(client, random));
  }

  async #write(client: DoorClient, random: Seeded): Promise<void> {
    while (!this.#stopped) {
      const write = this.ledger.issue(random);
      if (write === null) {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      try {
        await client.volume.write({
          volume: this.ledger.volume,
          offset: write.offset,
          dataBase64: write.data.toString('base64'),
        });
        this.ledger.settle(write, true);
      } catch {
        // Not acknowledged: the host died or refused it. Either outcome is legal for these blocks.
        this.ledger.settle(write, false);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  /** Resolves when no write is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
  }
}

/** Different in every byte range for every volume, block and version. */
function contentOf(volume: string, block: number, version: number): Buffer {
  const seed = createHash('sha256').update(`${volume} ${block} ${version}`).digest();
  const content = Buffer.alloc(BLOCK, seed);
  content.writeUInt32LE(version, 0);
  content.writeUInt32LE(block, BLOCK - 4);
  return content;
}

function keyOf(block: Buffer): string {
  return createHash('sha1').update(block).digest('base64');
}

function isZero(block: Buffer): boolean {
  return block.equals(ZEROS);
}
const ZEROS = Buffer.alloc(BLOCK);

import { StorageError, assert, type Timer } from '../runtime/index.ts';
import { adopt, liveRecords, markCoverage } from './adopt.ts';
import { BLOCK_BYTES, HALF_HEADER_BYTES, MAX_FRAME_HEADER_BYTES, encodeFrameHeader, encodeHalfHeader, type ChainEnd } from './format.ts';
import { FrameQueue, pushPayloads, type Frame, type HalfOpening } from './frames.ts';
import { checkOptions, describe, fillOf, openHalves, type Half } from './half.ts';
import { assemble, readHalf, type HalfImage, type RefusalCode } from './recover.ts';
import {
  isHostKind,
  jsonPayload,
  makeRecord,
  type HalfFill,
  type HalfIndex,
  type JsonObject,
  type LogDependencies,
  type LogFinding,
  type LogOptions,
  type LogRecord,
  type LostRange,
  type Recovered,
  type SealedHalf,
} from './types.ts';
import { DurableWaiters } from './waiters.ts';

export type LogOpenResult =
  | {
      readonly kind: 'open';
      readonly log: Log;
      readonly recovered: Recovered;
      /** NVFail. Must be made durable elsewhere before `start`, which ends the evidence. */
      readonly lost: LostRange | null;
      readonly findings: readonly LogFinding[];
    }
  | {
      readonly kind: 'refused';
      readonly code: RefusalCode;
      readonly message: string;
      readonly details: { readonly findings: readonly LogFinding[] };
    };

interface InitialState {
  readonly incarnation: number;
  readonly lastSequence: number;
  readonly freedThrough: number;
  readonly switchNumber: number;
  readonly chain: ChainEnd;
  readonly labels: Readonly<Record<string, number>>;
  readonly positions: JsonObject;
}

const RETRY_DELAY_MS = 1000;
/** Failures without a success in between after which the log waits before it tries again. */
const IMMEDIATE_ATTEMPTS = 2;
/** Room behind the reserve that only the record of `seal` uses, so that a half can always be sealed. */
const SEAL_BYTES = BLOCK_BYTES;

/** See the head of the folder. All methods but `start`, `whenDurable` and `close` are synchronous. */
export class Log {
  readonly logId: string;
  /** Everything through `through` is durable. Called once per group commit. */
  onDurable: (through: number) => void = () => undefined;
  /**
   * A sync failed. The log has gone on in the other half (`state` open) or waits for it to become free (suspended).
   * `sealed` is the half that was given up, if it holds durable records that were not freed: run a consistency point,
   * then `free(sealed.index)`.
   */
  onFailure: (error: StorageError, sealed: SealedHalf | null) => void = () => undefined;
  /** The log met a bug and takes nothing any more: its server must stop serving. */
  onBroken: (error: unknown) => void = () => undefined;
  /** The log left the state `suspended`. */
  onResume: () => void = () => undefined;

  readonly #deps: LogDependencies;
  readonly #reserveBytes: number;
  readonly #halves: readonly [Half, Half];
  #active: Half;
  #state: 'open' | 'suspended' = 'open';
  #started = false;
  #incarnation: number;
  #lastSequence: number;
  #durableSequence: number;
  #freedThrough: number;
  /** What the newest durable frame names as freed. */
  #freedDurable: number;
  #switchNumber: number;
  #chain: ChainEnd;
  #labels: Readonly<Record<string, number>>;
  #positions: JsonObject;

  readonly #queue = new FrameQueue();
  #pumping = false;
  #pumped: Promise<void> = Promise.resolve();
  #renewed: Promise<void> = Promise.resolve();
  #closed = false;
  #renewing = false;
  #failuresInRow = 0;
  #retry: Timer | null = null;
  readonly #waiters = new DurableWaiters();
  readonly #headerScratch = new Uint8Array(MAX_FRAME_HEADER_BYTES);
  readonly #buffers: Uint8Array[] = [];

  private constructor(
    deps: LogDependencies,
    options: LogOptions,
    halves: readonly [Half, Half],
    initial: InitialState,
  ) {
    this.#deps = deps;
    this.logId = options.logId;
    this.#reserveBytes = options.reserveBytes;
    this.#halves = halves;
    this.#active = halves[0].state === 'active' ? halves[0] : halves[1];
    this.#incarnation = initial.incarnation;
    this.#lastSequence = initial.lastSequence;
    this.#durableSequence = initial.lastSequence;
    this.#freedThrough = initial.freedThrough;
    this.#freedDurable = initial.freedThrough;
    this.#switchNumber = initial.switchNumber;
    this.#chain = initial.chain;
    this.#labels = initial.labels;
    this.#positions = initial.positions;
  }

  /** Makes a new, empty log over whatever the files held. Rejects with StorageError. */
  static async create(deps: LogDependencies, options: LogOptions): Promise<Log> {
    checkOptions(options);
    const halves = await openHalves(deps, options);
    halves[0].state = 'active';
    for (const half of halves) {
      const header = encodeHalfHeader({
        logId: options.logId,
        index: half.index,
        incarnation: 0,
        switchNumber: 1 - half.index,
        previous: { sequence: 0, crc: 0 },
        freedThrough: 0,
        sizeBytes: half.file.size,
        labels: {},
        positions: {},
      });
      await half.file.commit([header], 0);
    }
    return new Log(deps, options, halves, {
      incarnation: 0,
      lastSequence: 0,
      freedThrough: 0,
      switchNumber: 1,
      chain: { sequence: 0, crc: 0 },
      labels: {},
      positions: {},
    });
  }

  /** Reads both halves; changes nothing on the medium before `start`. Rejects only if a file cannot be opened at all. */
  static async open(deps: LogDependencies, options: LogOptions): Promise<LogOpenResult> {
    checkOptions(options);
    const halves = await openHalves(deps, options);
    const ignoreChain = deps.runtime.planted('ignore-log-chain');
    const [first, second] = await Promise.all([
      readHalf(halves[0].file, 0, options.logId, ignoreChain),
      readHalf(halves[1].file, 1, options.logId, ignoreChain),
    ]);
    if (first.kind === 'refused') return { ...first, details: { findings: [] } };
    if (second.kind === 'refused') return { ...second, details: { findings: first.half.findings } };
    const images = [first.half, second.half] as const;
    const assembly = assemble(images, options.coveredThrough ?? 0);
    if (assembly === null) {
      const findings = [...first.half.findings, ...second.half.findings];
      const message = `neither ${images[0].path} nor ${images[1].path} has a valid header`;
      return { kind: 'refused', code: 'headers-lost', message, details: { findings } };
    }
    markCoverage(deps, assembly);
    const recovered = adopt(halves, images, assembly);
    const log = new Log(deps, options, halves, {
      incarnation: assembly.incarnation,
      lastSequence: assembly.lastSequence,
      freedThrough: assembly.freedThrough,
      // The next header that is written is newer than all that were found, leftovers included.
      switchNumber: assembly.switchNumber + 1,
      chain: assembly.chain,
      labels: recovered.labels,
      positions: recovered.positions,
    });
    return { kind: 'open', log, recovered, lost: assembly.lost, findings: assembly.findings };
  }

  get state(): 'open' | 'suspended' {
    return this.#state;
  }

  /** The running one after `start`, the last one before. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** Last sequence assigned. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  get durableSequence(): number {
    return this.#durableSequence;
  }

  /** The half that waits for `free`, if there is one. After `open`, too. */
  get sealed(): SealedHalf | null {
    const half = this.#halves.find((each) => each.state === 'sealed');
    return half === undefined ? null : describe(half);
  }

  /**
   * Takes the next incarnation: a start record, synced, before anything else is appended. `sequenceFloor`: highest
   * sequence of this log that any volume calls applied; sequences go on above it, also if the log's own end was lost.
   * The record's payload is {previousIncarnation, previousEnd}. Rejects `no-space` if not even the reserve has room.
   */
  async start(options: { readonly sequenceFloor?: number } = {}): Promise<void> {
    assert(!this.#started, 'a log is started once');
    const previousEnd = this.#chain.sequence;
    const record = makeRecord({
      kind: 'start',
      payload: jsonPayload({ previousIncarnation: this.#incarnation, previousEnd }),
    });
    this.#incarnation += 1;
    this.#lastSequence = Math.max(this.#lastSequence, options.sequenceFloor ?? 0);
    // The skipped numbers were never records: the start record vouches for what came before it, not for the gap.
    this.#durableSequence = previousEnd;
    if (!this.#place(record, this.#active.file.size - SEAL_BYTES)) {
      const other = this.#other(this.#active);
      if (other.state !== 'free') {
        throw new StorageError('no-space', this.#active.file.path, 'no room for the start record in either half');
      }
      this.#switchTo(other);
      assert(this.#place(record, other.file.size), 'an empty half takes a start record');
    }
    if (this.#incarnation > 1) this.#deps.runtime.covered('nvlog/start-after-crash');
    this.#started = true;
    await this.whenDurable(record.sequence);
  }

  /**
   * Assigns the next sequence to the record and queues it. Null, and nothing happened, when the active half has no room
   * (seal it, or wait for the other half), or the log is suspended or closed.
   */
  append(record: LogRecord): number | null {
    assert(this.#started, 'nothing is appended before the start record');
    if (this.#state === 'suspended' || this.#closed) return null;
    const sizeBytes = this.#active.file.size;
    if (isHostKind(record.kind)) return this.#place(record, sizeBytes - this.#reserveBytes) ? record.sequence : null;
    if (!this.#place(record, sizeBytes - SEAL_BYTES)) return null;
    if (this.#active.nextOffset > sizeBytes - this.#reserveBytes) this.#deps.runtime.covered('nvlog/reserve-used');
    return record.sequence;
  }

  /** Settles when the record is durable; stays pending while the log is suspended. Never rejects. */
  whenDurable(sequence: number): Promise<void> {
    if (sequence <= this.#durableSequence) return Promise.resolve();
    return this.#waiters.wait(sequence);
  }

  /** The other half is free, so `seal` may be called. */
  canSeal(): boolean {
    const other = this.#other(this.#active);
    return this.#started && !this.#closed && this.#state === 'open' && other.state === 'free' && !other.failed;
  }

  /**
   * Ends the active half with a seal record and switches. `labels` (the highest durable label per pool) and
   * `positions` go into the header of the new half, written together with its first frame. The sealed half is complete
   * on the medium when `whenDurable(lastSequence)` settles.
   */
  seal(notes: { readonly labels: Readonly<Record<string, number>>; readonly positions?: JsonObject }): SealedHalf {
    assert(this.canSeal(), 'a half is sealed only while the other one is free');
    const half = this.#active;
    // This record's frame also makes `freedThrough` durable before the other half, freed, is overwritten.
    assert(this.#place(makeRecord({ kind: 'seal' }), half.file.size), 'there is always room for the seal record');
    half.state = 'sealed';
    this.#labels = notes.labels;
    this.#positions = notes.positions ?? {};
    this.#switchTo(this.#other(half));
    return describe(half);
  }

  /**
   * No record at or below the half's last sequence is needed any more; none is replayed once this is durable, with the
   * next frame. Until then an open may bring them back.
   */
  free(index: HalfIndex): void {
    const half = this.#halves[index];
    assert(half.state === 'sealed', 'only a sealed half is freed');
    this.#freedThrough = Math.max(this.#freedThrough, half.lastSequence);
    half.state = 'free';
    half.nextOffset = HALF_HEADER_BYTES;
    // An abandoned file is replaced once the medium says that it is free; this does not wait for the next host write.
    if (half.failed && this.#state === 'open') {
      this.#place(makeRecord({ kind: 'seal' }), this.#active.file.size - SEAL_BYTES);
    }
    this.#resume();
  }

  fill(): { readonly active: HalfIndex; readonly halves: readonly [HalfFill, HalfFill] } {
    const [a, b] = this.#halves;
    return { active: this.#active.index, halves: [fillOf(a), fillOf(b)] };
  }

  /**
   * Reads the durable records that were not freed back from the files, in order. Meant for rare work such as draining a
   * mirror log; costs a read of both halves. Null if what is on the medium does not reach `durableSequence`.
   */
  async readBack(): Promise<readonly LogRecord[] | null> {
    if (this.#closed) return null;
    const through = this.#durableSequence;
    const images: HalfImage[] = [];
    for (const half of this.#halves) {
      const read = await readHalf(half.file, half.index, this.logId, this.#deps.runtime.planted('ignore-log-chain'));
      if (read.kind === 'refused') return null;
      images.push(read.half);
    }
    const [first, second] = images;
    assert(first !== undefined && second !== undefined, 'a log has two halves');
    const assembly = assemble([first, second], this.#freedThrough);
    if (assembly === null || Math.max(assembly.chain.sequence, this.#freedThrough) < through) return null;
    return liveRecords(assembly).filter((record) => record.sequence <= through);
  }

  /** Closes the files. What comes later is refused: `append` answers null, `canSeal` and `readBack` likewise. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#retry?.cancel();
    // A commit under way ends first; what was not begun is as if the power had gone: nobody was told of it.
    this.#closed = true;
    await this.#pumped;
    await this.#renewed;
    for (const half of this.#halves) await half.file.close();
  }

  #other(half: Half): Half {
    return this.#halves[half.index === 0 ? 1 : 0];
  }

  #switchTo(half: Half): void {
    if (this.#active !== half && this.#active.state === 'active') {
      this.#active.state = this.#active.lastSequence > this.#freedThrough ? 'sealed' : 'free';
    }
    this.#queue.closeOpen();
    this.#switchNumber += 1;
    half.state = 'active';
    half.nextOffset = HALF_HEADER_BYTES;
    half.firstSequence = 0;
    half.lastSequence = 0;
    half.durableSequence = 0;
    this.#active = half;
  }

  /** Puts the record into the open frame or a new one of the active half, if it ends at or before `limitBytes`. */
  #place(record: LogRecord, limitBytes: number): boolean {
    if (!this.#layOut(record, limitBytes)) return false;
    this.#lastSequence += 1;
    record.sequence = this.#lastSequence;
    record.incarnation = this.#incarnation;
    this.#note(record);
    if (!this.#pumping) {
      this.#pumping = true;
      // A continuation of this turn: everything that the turn still appends shares the first commit.
      this.#pumped = Promise.resolve().then(() => this.#pump()).catch((error: unknown) => this.#break(error));
    }
    return true;
  }

  #layOut(record: LogRecord, limitBytes: number): boolean {
    const first = this.#active.nextOffset === HALF_HEADER_BYTES;
    const opening = first ? { switchNumber: this.#switchNumber, labels: this.#labels, positions: this.#positions } : null;
    return this.#queue.layOut(this.#active, record, limitBytes, opening);
  }

  #note(record: LogRecord): void {
    if (this.#active.firstSequence === 0) this.#active.firstSequence = record.sequence;
    this.#active.lastSequence = record.sequence;
  }

  /** Not a device that failed but a bug: the log takes nothing any more, and tells its server instead of the process. */
  #break(error: unknown): void {
    this.#state = 'suspended';
    this.#retry?.cancel();
    this.#deps.runtime.log.write('error', 'the log met a bug and takes nothing any more', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    if (!this.#closed) this.onBroken(error);
  }

  async #pump(): Promise<void> {
    for (;;) {
      const frame = this.#queue.first;
      if (frame === null || this.#closed) break;
      this.#queue.close(frame);
      try {
        await this.#commit(frame);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        await this.#abandon(frame.half, error);
        if (this.#state === 'suspended') break;
      }
    }
    this.#pumping = false;
  }

  async #commit(frame: Frame): Promise<void> {
    const first = frame.records[0];
    const last = frame.records.at(-1);
    assert(first !== undefined && last !== undefined, 'a frame holds at least one record');
    const { half } = frame;
    const freedThrough = this.#freedThrough;
    const header = encodeFrameHeader(
      this.#headerScratch,
      {
        logId: this.logId,
        half: half.index,
        at: frame.at,
        incarnation: first.incarnation,
        firstSequence: first.sequence,
        durableThrough: this.#durableSequence,
        freedThrough,
        previous: this.#chain,
      },
      frame.records,
      frame.headerUsedBytes,
    );
    const buffers = this.#buffers;
    buffers.length = 0;
    if (frame.opens !== null) buffers.push(this.#halfHeader(half, frame.opens));
    buffers.push(header.bytes);
    pushPayloads(frame, buffers);
    const at = frame.opens === null ? frame.at : 0;
    try {
      await half.file.commit(buffers, at);
    } catch (error) {
      if (!this.#deps.runtime.planted('retry-failed-sync')) throw error;
      await half.file.sync();
    }
    this.#queue.shift();
    this.#chain = { sequence: last.sequence, crc: header.crc };
    half.durableSequence = last.sequence;
    this.#durableSequence = last.sequence;
    this.#failuresInRow = 0;
    this.#freedDurable = freedThrough;
    const other = this.#other(half);
    if (other.failed) this.#renew(other);
    this.onDurable(last.sequence);
    this.#waiters.settle(last.sequence);
  }

  #halfHeader(half: Half, opens: HalfOpening): Uint8Array {
    return encodeHalfHeader({
      logId: this.logId,
      index: half.index,
      incarnation: this.#incarnation,
      switchNumber: opens.switchNumber,
      previous: this.#chain,
      freedThrough: this.#freedThrough,
      sizeBytes: half.file.size,
      labels: opens.labels,
      positions: opens.positions,
    });
  }

  /** A sync of `half` failed: nothing more goes there, and what was not durable moves. */
  async #abandon(half: Half, error: StorageError): Promise<void> {
    this.#deps.runtime.covered('nvlog/failed-sync');
    this.#deps.runtime.log.write('error', 'a log file failed and was abandoned', {
      file: half.file.path,
      error: error.message,
    });
    half.failed = true;
    this.#failuresInRow += 1;
    if (half.state === 'active') half.lastSequence = half.durableSequence;
    await this.#relocate(half, this.#failuresInRow <= IMMEDIATE_ATTEMPTS);
    if (this.#state === 'open') this.#renew(half);
    this.onFailure(error, half.state === 'sealed' ? describe(half) : null);
  }

  /** Lays all queued records out again in a half that can take them; suspends the log if there is none now. */
  async #relocate(from: Half, mayReuse: boolean): Promise<void> {
    const target = await this.#relocationTarget(from, mayReuse);
    const { records } = this.#queue;
    if (target === null || HALF_HEADER_BYTES + this.#queue.bytes + SEAL_BYTES > target.file.size) {
      this.#state = 'suspended';
      this.#queue.closeOpen();
      this.#deps.runtime.covered('nvlog/suspended');
      this.#retryLater(from);
      return;
    }
    this.#queue.clear();
    this.#switchTo(target);
    for (const record of records) {
      assert(this.#layOut(record, target.file.size), 'frames that are gathered again need no more room than before');
      this.#note(record);
    }
    this.#state = 'open';
  }

  /**
   * A half without durable records that are still needed. The failed one itself is taken only on a new file, or after a
   * delay: a device that keeps failing must not keep the server busy.
   */
  async #relocationTarget(from: Half, mayReuse: boolean): Promise<Half | null> {
    for (const half of [this.#other(from), from]) {
      if (half.durableSequence > this.#freedThrough || half.state === 'sealed') continue;
      if (half === from && this.#deps.replace === undefined && this.#state === 'open') continue;
      if (half.failed && !(mayReuse && (await this.#replaceFile(half)))) continue;
      return half;
    }
    return null;
  }

  #retryLater(half: Half): void {
    if (this.#closed) return;
    this.#retry ??= this.#deps.runtime.clock.after(RETRY_DELAY_MS, () => {
      this.#retry = null;
      this.#renew(half);
    });
  }

  async #replaceFile(half: Half): Promise<boolean> {
    if (this.#deps.replace === undefined) {
      // The file is written from its beginning; nothing of what the failed sync may have dropped is relied on.
      half.failed = false;
      return true;
    }
    try {
      const file = await this.#deps.replace(half.name);
      // A half without a header is one that was lost. This one is older than any that holds records.
      const header = { incarnation: this.#incarnation, switchNumber: 0, previous: { sequence: 0, crc: 0 }, freedThrough: this.#freedDurable };
      await file.commit([encodeHalfHeader({ logId: this.logId, index: half.index, ...header, sizeBytes: file.size, labels: {}, positions: {} })], 0);
      half.file = file;
      half.failed = false;
      return true;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return false;
    }
  }

  #renew(half: Half): void {
    if (this.#renewing || this.#closed) return;
    this.#renewing = true;
    this.#renewed = this.#renewFile(half).catch((error: unknown) => this.#break(error));
  }

  async #renewFile(half: Half): Promise<void> {
    // Not before the medium says that nothing in the old file is needed.
    const mayGo = half.failed && half.state === 'free' && half.lastSequence <= this.#freedDurable;
    if (mayGo && !(await this.#replaceFile(half))) this.#retryLater(half);
    this.#renewing = false;
    this.#resume();
  }

  #resume(): void {
    if (this.#state !== 'suspended' || this.#pumping || this.#closed) return;
    this.#pumping = true;
    this.#pumped = this.#leaveSuspension().catch((error: unknown) => this.#break(error));
  }

  async #leaveSuspension(): Promise<void> {
    const frame = this.#queue.first;
    assert(frame !== null, 'a suspended log has records that wait');
    await this.#relocate(frame.half, true);
    if (this.#state === 'suspended') {
      this.#pumping = false;
      return;
    }
    this.#retry?.cancel();
    this.#retry = null;
    this.onResume();
    await this.#pump();
  }
}

/**
 * Reading a log back: which records are accepted, which acknowledged ones are lost. Pure but for the reads.
 *
 * Within a half, frames are followed from the half's header as long as each names the CRC of the one before it. The
 * newer half continues the older one where it says so; if the older one goes on behind that place, the higher
 * incarnation decides: a start record that was written there makes the newer half a leftover, otherwise the older
 * half's tail was abandoned after a failed sync. Everything at or below `freedThrough` is out of the question.
 */
import { StorageError, type StorageFile } from '../runtime/index.ts';
import {
  BLOCK_BYTES,
  HALF_HEADER_BYTES,
  decodeFrame,
  decodeHalfHeader,
  looksLikeFrame,
  looksLikeHalf,
  type ChainEnd,
  type FrameImage,
  type HalfHeader,
} from './format.ts';
import type { HalfIndex, LogFinding, LostRange } from './types.ts';

/** A frame with a whole header that the chain of its half does not reach. */
interface Stray {
  readonly incarnation: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly durableThrough: number;
  readonly volumeIds: ReadonlySet<string>;
}

export interface HalfImage {
  readonly index: HalfIndex;
  readonly path: string;
  readonly sizeBytes: number;
  readonly header: HalfHeader | null;
  /**
   * The half does not even begin like one. Every half has a header from its creation on, and a header that was torn by a
   * crash still begins as both its versions do: so this file lost what it held.
   */
  readonly blank: boolean;
  readonly frames: readonly FrameImage[];
  readonly strays: readonly Stray[];
  readonly findings: readonly LogFinding[];
}

export type HalfRead =
  | { readonly kind: 'read'; readonly half: HalfImage }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly message: string };

export type RefusalCode = 'newer-version' | 'foreign-log' | 'truncated' | 'headers-lost';

/** Of one half; both halves are read at the same time. */
const READS_AT_ONCE = 2;
const READ_BYTES = 1024 * 1024;
/** No record takes less of a half: its header in a frame. */
const LEAST_RECORD_BYTES = 64;
const RESCUE_BYTES = 16 * BLOCK_BYTES;

/** Reads the whole half; ranges with medium errors stay zero and are reported, so that they count as damage. */
async function readBytes(file: StorageFile, findings: LogFinding[]): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.floor(file.size / BLOCK_BYTES) * BLOCK_BYTES);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < bytes.length) {
      const at = next;
      next += READ_BYTES;
      const part = bytes.subarray(at, at + READ_BYTES);
      try {
        await file.read(part, at);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        part.fill(0);
        await rescue(file, part, at, findings);
      }
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, lane));
  findings.sort((a, b) => a.offset - b.offset);
  return bytes;
}

async function rescue(file: StorageFile, part: Uint8Array, from: number, findings: LogFinding[]): Promise<void> {
  for (let at = 0; at < part.length; at += RESCUE_BYTES) {
    const piece = part.subarray(at, at + RESCUE_BYTES);
    try {
      await file.read(piece, from + at);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      piece.fill(0);
      findings.push({ code: 'unreadable', file: file.path, offset: from + at, message: error.message });
    }
  }
}

export async function readHalf(
  file: StorageFile,
  index: HalfIndex,
  logId: string,
  ignoreChain: boolean,
): Promise<HalfRead> {
  const findings: LogFinding[] = [];
  const bytes = await readBytes(file, findings);
  const decoded = decodeHalfHeader(bytes);
  if (decoded.kind === 'newer') {
    const message = `${file.path} has log format ${decoded.version}, which a newer version wrote`;
    return { kind: 'refused', code: 'newer-version', message };
  }
  const header = decoded.kind === 'valid' ? decoded.header : null;
  const blank = header === null && !looksLikeHalf(bytes);
  if (header !== null && (header.logId !== logId || header.index !== index)) {
    const message = `${file.path} is half ${header.index} of log ${header.logId}, not half ${index} of ${logId}`;
    return { kind: 'refused', code: 'foreign-log', message };
  }
  if (header !== null && header.sizeBytes > bytes.length) {
    const message = `${file.path} has ${file.size} bytes and was ${header.sizeBytes} bytes long`;
    return { kind: 'refused', code: 'truncated', message };
  }
  const frames = header === null ? [] : walk(bytes, header, ignoreChain);
  const walkEnd = header === null ? HALF_HEADER_BYTES : (frames.at(-1)?.end ?? HALF_HEADER_BYTES);
  if (header === null) {
    findings.push({
      code: 'half-header-damaged',
      file: file.path,
      offset: 0,
      message: blank ? 'expected the header of a log half, found none' : 'the header of the half is not valid',
    });
  }
  const strays = scanStrays(bytes, walkEnd, logId, index);
  return { kind: 'read', half: { index, path: file.path, sizeBytes: bytes.length, header, blank, frames, strays, findings } };
}

/** The frames that chain from the header. */
function walk(bytes: Uint8Array, header: HalfHeader, ignoreChain: boolean): FrameImage[] {
  const frames: FrameImage[] = [];
  let previous: ChainEnd = header.previous;
  let incarnation = header.incarnation;
  let at = HALF_HEADER_BYTES;
  for (;;) {
    const frame = decodeFrame(bytes, at, header.logId, header.index, true);
    if (frame === null || !frame.payloadsWhole) return frames;
    if (!ignoreChain && !chains(frame, previous, incarnation)) return frames;
    frames.push(frame);
    previous = { sequence: frame.lastSequence, crc: frame.crc };
    incarnation = frame.incarnation;
    at = frame.end;
  }
}

function chains(frame: FrameImage, previous: ChainEnd, incarnation: number): boolean {
  if (frame.previous.crc !== previous.crc || frame.previous.sequence !== previous.sequence) return false;
  if (frame.records[0]?.kind === 'start') {
    return frame.firstSequence > previous.sequence && frame.incarnation >= incarnation;
  }
  return frame.firstSequence === previous.sequence + 1 && frame.incarnation === incarnation;
}

function scanStrays(bytes: Uint8Array, from: number, logId: string, index: HalfIndex): Stray[] {
  const strays: Stray[] = [];
  for (let at = from; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES) {
    if (!looksLikeFrame(bytes, at)) continue;
    const frame = decodeFrame(bytes, at, logId, index, false);
    if (frame === null) continue;
    const { incarnation, firstSequence, lastSequence, durableThrough } = frame;
    const volumeIds = new Set<string>();
    for (const record of frame.records) if (record.volumeId !== '') volumeIds.add(record.volumeId);
    strays.push({ incarnation, firstSequence, lastSequence, durableThrough, volumeIds });
  }
  return strays;
}

export interface Assembly {
  /** Accepted frames in order, freed ones included. */
  readonly frames: readonly FrameImage[];
  /** Half that goes on after the last accepted frame; null when none was accepted. */
  readonly active: HalfImage | null;
  readonly activeEnd: number;
  readonly chain: ChainEnd;
  readonly freedThrough: number;
  readonly incarnation: number;
  readonly lastSequence: number;
  readonly switchNumber: number;
  readonly lost: LostRange | null;
  readonly findings: readonly LogFinding[];
  /** The newer half continues the older one (both hold accepted records). */
  readonly joined: boolean;
}

interface Accepted {
  readonly frames: readonly FrameImage[];
  readonly active: HalfImage | null;
  /** Records up to here existed although no accepted record says so; 0 for none. */
  readonly promised: number;
  /** `promised` is only a bound: nobody knows how far the lost records went. */
  readonly openEnded?: boolean;
  /** The half that held what is promised. */
  readonly gone?: HalfImage;
  readonly finding: LogFinding | null;
}

/** Puts two halves together. Null when neither header is valid: then nothing is known, not even that it was a log. */
export function assemble(halves: readonly [HalfImage, HalfImage], coveredThrough: number): Assembly | null {
  const [first, second] = halves;
  if (first.header === null && second.header === null) return null;
  let freedThrough = coveredThrough;
  let switchNumber = 0;
  for (const half of halves) {
    if (half.header === null) continue;
    freedThrough = Math.max(freedThrough, half.header.freedThrough);
    switchNumber = Math.max(switchNumber, half.header.switchNumber);
    for (const frame of half.frames) freedThrough = Math.max(freedThrough, frame.freedThrough);
  }
  const accepted = accept(halves, freedThrough);
  const findings = [...first.findings, ...second.findings];
  if (accepted.finding !== null) findings.push(accepted.finding);

  const last = accepted.frames.at(-1);
  const all = [...halves.flatMap((half) => half.frames), ...halves.flatMap((half) => half.strays)];
  const incarnation = all.reduce((newest, frame) => Math.max(newest, frame.incarnation), newestHeader(halves));
  const promised = all.reduce(
    (highest, frame) => (frame.incarnation === incarnation ? Math.max(highest, frame.durableThrough) : highest),
    accepted.promised,
  );
  const acceptedThrough = last?.lastSequence ?? 0;
  const after = Math.max(acceptedThrough, freedThrough);
  const ofNewest = all.filter((frame) => frame.incarnation === incarnation);
  const openEnded = accepted.openEnded === true && promised === accepted.promised && promised > after;
  const lost = promised > after ? { ...lostRange(after, promised, ofNewest), ...(openEnded ? { openEnded } : {}) } : null;
  const active = accepted.active;
  const activeEnd = active === null ? HALF_HEADER_BYTES : lastEndIn(accepted.frames, active.index);
  if (lost !== null) {
    const gone = accepted.gone ?? (active === null ? (halves.find((half) => half.header === null) ?? first) : null);
    const where = gone ?? active ?? first;
    findings.push({
      code: 'lost-records',
      file: where.path,
      offset: gone !== null ? 0 : activeEnd,
      message: openEnded
        ? `records from ${lost.fromSequence} on are missing: the log went on in this file, which holds none`
        : `acknowledged records ${lost.fromSequence} to ${lost.toSequence} are missing`,
    });
  } else {
    const torn = halves.find((half) =>
      half.strays.some((stray) => stray.incarnation === incarnation && stray.lastSequence > after),
    );
    if (torn !== undefined) {
      const offset = torn === active ? activeEnd : HALF_HEADER_BYTES;
      findings.push({ code: 'torn-tail', file: torn.path, offset, message: 'the last group commit was not whole' });
    }
  }
  return {
    frames: accepted.frames,
    active,
    activeEnd,
    chain: { sequence: acceptedThrough, crc: last?.crc ?? 0 },
    freedThrough,
    incarnation,
    lastSequence: Math.max(acceptedThrough, promised, freedThrough),
    switchNumber,
    lost,
    findings,
    joined: new Set(accepted.frames.map((frame) => frame.half)).size === 2,
  };
}

function newestHeader(halves: readonly [HalfImage, HalfImage]): number {
  return Math.max(halves[0].header?.incarnation ?? 0, halves[1].header?.incarnation ?? 0);
}

function lastEndIn(frames: readonly FrameImage[], index: HalfIndex): number {
  return frames.findLast((frame) => frame.half === index)?.end ?? HALF_HEADER_BYTES;
}

function accept(halves: readonly [HalfImage, HalfImage], freedThrough: number): Accepted {
  const [first, second] = halves;
  if (first.header === null || second.header === null) {
    return acceptBesideDamaged(first.header === null ? second : first, first.header === null ? first : second, freedThrough);
  }
  const newer = first.header.switchNumber > second.header.switchNumber ? first : second;
  const older = newer === first ? second : first;
  const newerHeader = newer.header;
  const newerFirst = newer.frames[0];
  if (newerHeader === null || newerFirst === undefined) return acceptAlone(older, freedThrough);

  const { sequence, crc } = newerHeader.previous;
  const joint = older.frames.findIndex((frame) => frame.lastSequence === sequence && frame.crc === crc);
  const startsHere =
    older.header !== null && older.header.previous.sequence === sequence && older.header.previous.crc === crc;
  if (joint >= 0 || startsHere) {
    // With `startsHere` the older half lost its very first commit to a failed sync: the newer one repeats all of it.
    const next = older.frames[joint + 1];
    if (next !== undefined && next.incarnation > newerFirst.incarnation) {
      return { ...acceptAlone(older, freedThrough), finding: leftover(newer) };
    }
    const finding: LogFinding | null =
      next === undefined
        ? null
        : {
            code: 'abandoned-tail',
            file: older.path,
            offset: next.at,
            message: 'records behind a failed sync were ignored',
          };
    const kept = older.frames.slice(0, joint + 1);
    const alone = acceptAlone(older, freedThrough);
    if (alone.active === null) return { ...alone, promised: lastOf(newer) };
    return { frames: [...kept, ...newer.frames], active: newer, promised: 0, finding };
  }
  if (sequence <= freedThrough) return { frames: newer.frames, active: newer, promised: 0, finding: null };
  const olderLast = older.frames.at(-1);
  const newerLast = newer.frames.at(-1);
  if (olderLast !== undefined && newerLast !== undefined && olderLast.incarnation > newerLast.incarnation) {
    // A start record was written behind an acknowledged loss; what lies in the newer half came before it.
    return { ...acceptAlone(older, freedThrough), finding: leftover(newer) };
  }
  const finding: LogFinding = {
    code: 'half-not-chained',
    file: newer.path,
    offset: 0,
    message: `the half continues record ${sequence}, but ${older.path} ends at ${olderLast?.lastSequence ?? 0}`,
  };
  return { ...acceptAlone(older, freedThrough), promised: lastOf(newer), finding };
}

function lastOf(half: HalfImage): number {
  return half.frames.at(-1)?.lastSequence ?? 0;
}

function leftover(half: HalfImage): LogFinding {
  return {
    code: 'half-not-chained',
    file: half.path,
    offset: 0,
    message: 'the half holds leftovers from before a restart',
  };
}

/**
 * The other half has no valid header. A crash may tear one while the log switches, before anything in that half was
 * confirmed; but a half that holds nothing of a log any more lost it, and if this one ends in a seal the log went on there.
 */
function acceptBesideDamaged(half: HalfImage, damaged: HalfImage, freedThrough: number): Accepted {
  const alone = acceptAlone(half, freedThrough);
  const last = alone.frames.at(-1);
  if (!damaged.blank || last === undefined || last.records.at(-1)?.kind !== 'seal') return alone;
  const seen = damaged.strays.reduce(
    (highest, stray) => (stray.incarnation === last.incarnation ? Math.max(highest, stray.lastSequence) : highest),
    0,
  );
  if (seen > last.lastSequence) return { ...alone, promised: seen, gone: damaged };
  const most = Math.ceil(damaged.sizeBytes / LEAST_RECORD_BYTES);
  return { ...alone, promised: last.lastSequence + most, openEnded: true, gone: damaged };
}

/** A half with nothing before it: only right if all that came before was freed. */
function acceptAlone(half: HalfImage, freedThrough: number): Accepted {
  const before = half.header?.previous.sequence ?? 0;
  if (before <= freedThrough) return { frames: half.frames, active: half, promised: 0, finding: null };
  const message = `records up to ${before} should lie in the other half`;
  return {
    frames: [],
    active: null,
    promised: Math.max(before, lastOf(half)),
    finding: { code: 'predecessor-missing', file: half.path, offset: 0, message },
  };
}

/**
 * `after` is the highest sequence that is accounted for, `through` the highest that was promised. Volumes are named
 * only if the headers of all lost records can still be read in frames of one incarnation.
 */
function lostRange(after: number, through: number, frames: readonly (Stray | FrameImage)[]): LostRange {
  const range = { fromSequence: after + 1, toSequence: through };
  const volumeIds = new Set<string>();
  const known = new Set<number>();
  for (const frame of frames) {
    if (frame.lastSequence <= after || frame.firstSequence > through) continue;
    for (let s = Math.max(frame.firstSequence, after + 1); s <= Math.min(frame.lastSequence, through); s += 1)
      known.add(s);
    const ids = 'volumeIds' in frame ? frame.volumeIds : frame.records.map((record) => record.volumeId);
    for (const id of ids) if (id !== '') volumeIds.add(id);
  }
  return known.size === through - after ? { ...range, volumeIds: [...volumeIds].sort() } : range;
}

/** What a log that was read back means for its halves, its records and its opener. */
import { assert } from '../runtime/index.ts';
import { HALF_HEADER_BYTES } from './format.ts';
import type { Half } from './half.ts';
import type { Assembly, HalfImage } from './recover.ts';
import type { LogDependencies, LogRecord, Recovered, RecoveredHalf } from './types.ts';

/** The accepted records that were not freed, in order. */
export function liveRecords(assembly: Assembly): LogRecord[] {
  const records: LogRecord[] = [];
  for (const frame of assembly.frames) {
    for (const record of frame.records) {
      if (record.sequence <= assembly.freedThrough) continue;
      assert(record.sequence > (records.at(-1)?.sequence ?? 0), 'a log comes back in order, no sequence twice');
      records.push(record);
    }
  }
  return records;
}

/** Sets the halves to what was found on the medium and says what that is. */
export function adopt(halves: readonly [Half, Half], images: readonly [HalfImage, HalfImage], found: Assembly): Recovered {
  for (const frame of found.frames) {
    const half = frame.half === 0 ? halves[0] : halves[1];
    if (half.firstSequence === 0) half.firstSequence = frame.firstSequence;
    half.lastSequence = frame.lastSequence;
    half.durableSequence = frame.lastSequence;
    half.nextOffset = frame.end;
  }
  const active =
    found.active === null ? (images[0].header === null ? halves[0] : halves[1]) : halves[found.active.index];
  for (const half of halves) {
    if (half === active) half.state = 'active';
    else if (half.lastSequence > found.freedThrough) half.state = 'sealed';
    else half.nextOffset = HALF_HEADER_BYTES;
  }
  const labels: Record<string, number> = {};
  for (const { header } of images) {
    for (const [pool, label] of Object.entries(header?.labels ?? {})) labels[pool] = Math.max(labels[pool] ?? 0, label);
  }
  const report = (half: Half): RecoveredHalf => ({
    index: half.index,
    state: half.state,
    firstSequence: half.firstSequence,
    lastSequence: half.lastSequence,
  });
  return {
    records: liveRecords(found),
    lastSequence: found.lastSequence,
    incarnation: found.incarnation,
    freedThrough: found.freedThrough,
    halves: [report(halves[0]), report(halves[1])],
    labels,
    positions: found.active?.header?.positions ?? {},
  };
}

export function markCoverage(deps: LogDependencies, found: Assembly): void {
  if (found.lost !== null) deps.runtime.covered('nvlog/nvfail');
  if (found.joined) deps.runtime.covered('nvlog/back-half-chained');
  for (const finding of found.findings) {
    if (finding.code === 'torn-tail') deps.runtime.covered('nvlog/torn-tail');
    if (finding.code === 'abandoned-tail') deps.runtime.covered('nvlog/abandoned-tail');
  }
}

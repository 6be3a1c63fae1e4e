/** The steps of the drill. Each looks for its effect before it counts as done, and says what it saw as facts. */
import { CP_PHASES, type CpPhase } from '../server/types.ts';
import type { DrillStepId, Job } from '../../contract/index.ts';
import type { Lab } from '../lab.ts';
import { Refused, refuse } from '../refused.ts';
import type { ServerUnit } from '../server-unit.ts';
import type { MirrorRecord, VolumeRecord } from '../topology.ts';
import { reportOf, type AuditCounts, type Fact, type StoredDrill } from './model.ts';

export interface StepContext {
  readonly lab: Lab;
  drill(): StoredDrill;
  /** Durable when it returns. */
  remember(change: Partial<StoredDrill>): void;
  progress(fraction: number | null): void;
  /** Throws when the drill was cancelled or the lab closes. */
  alive(): void;
}

export type StepFacts = readonly Fact[];

const SYNC_TIMEOUT_MS = 600_000;
const CRASH_TIMEOUT_MS = 15_000;
const WRITE_TIMEOUT_MS = 120_000;
/** Writes to be seen before the site is lost, and after the failover. */
const WRITES_BEFORE = 200;
const WRITES_AFTER = 100;
/** Phases at which a crash is most instructive: from the first staged block to the last confirmation. */
const CRASH_PHASES: readonly CpPhase[] = CP_PHASES.filter(
  (phase) => phase !== 'seal' && phase !== 'done' && phase !== 'free',
);
const POLL_MS = 50;
const LEVELS = { raid0: 'RAID-0', raid1: 'RAID-1', raid10: 'RAID-1+0', raid5: 'RAID-5', raid6: 'RAID-6' } as const;

const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

const STEPS: Readonly<Record<DrillStepId, (context: StepContext) => Promise<StepFacts>>> = {
  prepare,
  workload,
  synchronize,
  crash,
  failover,
  'audit-after-failover': auditAfterFailover,
  'write-at-destination': writeAtDestination,
  'restore-site': restoreSite,
  differences,
  'reverse-resync': reverseResync,
  verify,
  failback,
  audit: finalAudit,
  report,
};

export function runStep(step: DrillStepId, context: StepContext): Promise<StepFacts> {
  return STEPS[step](context);
}

function mirrorOf(context: StepContext): MirrorRecord {
  return context.lab.topology.mirrors.get(context.drill().mirrorId);
}
function sourceOf(context: StepContext): VolumeRecord {
  return context.lab.topology.volumes.get(mirrorOf(context).sourceVolumeId);
}
function destinationOf(context: StepContext): VolumeRecord {
  return context.lab.topology.volumes.get(mirrorOf(context).destinationVolumeId);
}
function measure(context: StepContext, change: StoredDrill['measured']): void {
  context.remember({ measured: { ...context.drill().measured, ...change } });
}

async function until(context: StepContext, timeoutMs: number, what: string, reached: () => boolean): Promise<void> {
  const { clock } = context.lab;
  const endMs = clock.nowMs() + timeoutMs;
  while (!reached()) {
    context.alive();
    if (clock.nowMs() > endMs)
      refuse(
        'drill/timeout',
        `${what} did not happen within ${Math.round(timeoutMs / 1000)} s.`,
        'Look at the events and at the mirror, then cancel the drill.',
      );
    await clock.sleep(POLL_MS);
  }
}

async function prepare(context: StepContext): Promise<StepFacts> {
  const { lab } = context;
  const mirror = mirrorOf(context);
  const faults = lab.faults.list();
  if (faults.length > 0)
    refuse(
      'drill/faults',
      `Something is broken already: ${faults.map((fault) => fault.message).join('; ')}.`,
      'Clear all faults first.',
    );
  lab.volumes.unit(sourceOf(context)).need();
  lab.volumes.unit(destinationOf(context)).need();
  const shown = lab.mirrors.present(mirror);
  if (shown.direction !== 'forward') refuse('drill/reversed', `${mirror.name} is reversed.`, 'Fail back first.');
  const source = lab.topology.pools.get(sourceOf(context).poolId);
  const destination = lab.topology.pools.get(destinationOf(context).poolId);
  return [
    {
      label: 'Source',
      value: `${shown.source.volume} at ${shown.source.site}, ${LEVELS[source.level]} of ${source.slots.length} disks`,
    },
    {
      label: 'Destination',
      value: `${shown.destination.volume} at ${shown.destination.site}, ${LEVELS[destination.level]} of ${destination.slots.length} disks`,
    },
  ];
}

/** A workload on the source, the drill's own unless one runs there already. */
async function ensureWorkload(context: StepContext): Promise<void> {
  const { lab } = context;
  const volume = sourceOf(context);
  if (lab.workloads.runningOn(volume.id) !== null) return;
  const started = await lab.workloads.start({ volume, profile: 'mixed', readPercent: 30, queueDepth: 8 });
  context.remember({ workloadId: started.id });
}

/** Waits for `count` more acknowledged writes. */
async function writes(context: StepContext, count: number): Promise<number> {
  const ledger = await context.lab.workloads.ledger(sourceOf(context));
  const before = ledger.acknowledgedWrites;
  await until(context, WRITE_TIMEOUT_MS, `${count} acknowledged writes`, () => {
    context.progress(Math.min(1, (ledger.acknowledgedWrites - before) / count));
    return ledger.acknowledgedWrites - before >= count;
  });
  return ledger.acknowledgedWrites;
}

async function workload(context: StepContext): Promise<StepFacts> {
  await ensureWorkload(context);
  return [{ label: 'Acknowledged writes', value: String(await writes(context, WRITES_BEFORE)) }];
}

function inSync(context: StepContext): boolean {
  const { leading, source, destination } = context.lab.mirrors.view(mirrorOf(context));
  return (
    source !== null &&
    destination !== null &&
    leading !== null &&
    leading.connected &&
    leading.resync === null &&
    (leading.imageState === 'Synchronized' || leading.imageState === 'Consistent')
  );
}

async function synchronize(context: StepContext): Promise<StepFacts> {
  await ensureWorkload(context);
  await until(context, SYNC_TIMEOUT_MS, 'The mirror becoming synchronized', () => {
    const sync = context.lab.mirrors.view(mirrorOf(context)).leading?.resync ?? null;
    if (sync !== null && sync.regionsTotal > 0) context.progress(sync.regionsDone / sync.regionsTotal);
    return inSync(context);
  });
  const shown = context.lab.mirrors.present(mirrorOf(context));
  return [
    { label: 'Image', value: shown.imageState },
    { label: 'Lag', value: `${shown.lag.writes} write${shown.lag.writes === 1 ? '' : 's'}` },
  ];
}

async function crash(context: StepContext): Promise<StepFacts> {
  const { lab } = context;
  await ensureWorkload(context);
  const volume = sourceOf(context);
  const unit = lab.volumes.unit(volume);
  const site = lab.topology.siteOfVolume(volume);
  const { seed } = context.drill();
  // The seed chooses the phase, and a few writes to let pass, so that each seed hits another moment.
  const phase = CRASH_PHASES[seed % CRASH_PHASES.length] ?? 'write';
  await writes(context, 8 + (seed % 64));
  let hit: { readonly cp: number; readonly phase: string } | null = null;
  const seen = (): { readonly cp: number; readonly phase: string } | null => hit;
  const cut = (at: { readonly cp: number; readonly phase: string }): void => {
    hit = at;
    const fault = lab.faults.inject({ kind: 'site-loss', site: site.name });
    context.remember({ faultId: fault.id });
  };
  const fire = (wanted: (phase: CpPhase) => boolean): void => {
    unit.onCpPhase = (now, cp) => {
      if (hit !== null || !wanted(now)) return;
      // Only a consistency point that carries the mirrored volume's pool counts, and its own label number names it.
      const pool = cp.pools.find((one) => one.poolId === volume.poolId);
      cut({ cp: pool?.cp ?? cp.number, phase: now });
    };
  };
  try {
    fire((now) => now === phase);
    await consistencyPointsUntil(context, unit, CRASH_TIMEOUT_MS, () => seen() !== null);
    if (seen() === null) {
      fire((now) => CRASH_PHASES.includes(now));
      await consistencyPointsUntil(context, unit, CRASH_TIMEOUT_MS, () => seen() !== null);
    }
  } finally {
    unit.onCpPhase = null;
  }
  const at = seen();
  if (at === null)
    refuse(
      'drill/no-cp',
      'No consistency point passed a phase at which the site could be lost.',
      'Cancel the drill and look at the server’s consistency points.',
    );
  measure(context, { crash: at });
  await lab.workloads.hold(volume);
  await unit.rested();
  return [
    { label: 'Consistency point', value: String(at.cp) },
    { label: 'Phase', value: at.phase },
    { label: 'Lost site', value: site.name },
  ];
}

async function consistencyPointsUntil(
  context: StepContext,
  unit: ServerUnit,
  timeoutMs: number,
  reached: () => boolean,
): Promise<void> {
  const { clock } = context.lab;
  const endMs = clock.nowMs() + timeoutMs;
  while (!reached() && clock.nowMs() < endMs) {
    context.alive();
    const face = unit.face;
    if (face === null) return;
    await Promise.race([
      unit
        .ask((one) => one.consistencyPoint('admin'))
        .catch((error: unknown) => {
          if (!(error instanceof Refused)) throw error; // the server went down in the middle: that is the point
        }),
      clock.sleep(2_000),
    ]);
    await clock.sleep(1);
  }
}

/** Starts an action, waiting while it is refused only because the peer's end was not noticed yet. */
async function act(
  context: StepContext,
  action: 'failover' | 'reverse-resync' | 'failback',
  patient: readonly string[],
): Promise<{ readonly job: Job; readonly ms: number }> {
  const { lab } = context;
  const mirror = mirrorOf(context);
  const startMs = lab.clock.nowMs();
  const endMs = startMs + 60_000;
  for (;;) {
    context.alive();
    try {
      const started = await lab.mirrors.act(mirror, action, {
        confirm: mirror.name,
        ...(action === 'failover' ? { force: true } : {}),
      });
      const job = await finished(context, started.id);
      return { job, ms: lab.clock.nowMs() - startMs };
    } catch (error) {
      if (!(error instanceof Refused) || !patient.includes(error.refusal.code) || lab.clock.nowMs() > endMs)
        throw error;
      await lab.clock.sleep(POLL_MS);
    }
  }
}

async function finished(context: StepContext, jobId: string): Promise<Job> {
  for (;;) {
    context.alive();
    const job = await context.lab.jobs.wait(jobId, 200);
    if (job.progress !== null) context.progress(job.progress);
    if (job.state === 'done') return job;
    if (job.state === 'failed' || job.state === 'cancelled')
      throw new Refused(
        job.error ?? {
          code: 'job/cancelled',
          message: 'The job was cancelled.',
          hint: 'Start it again.',
          overridable: false,
        },
      );
  }
}

const number = (result: Job['result'], ...keys: readonly string[]): number => {
  for (const key of keys) {
    const value = result?.[key];
    if (typeof value === 'number' && Number.isFinite(value)) return Math.max(0, Math.floor(value));
  }
  return 0;
};

async function failover(context: StepContext): Promise<StepFacts> {
  await context.lab.workloads.hold(sourceOf(context));
  const { job, ms } = await act(context, 'failover', ['R01', 'R07', 'R09']);
  const replayedRecords = number(job.result, 'replayedRecords', 'replayed', 'records');
  measure(context, { failover: { replayedRecords, ms } });
  const shown = context.lab.mirrors.present(mirrorOf(context));
  return [
    { label: 'Serving now', value: shown.acting ?? 'nobody' },
    { label: 'Replayed records', value: String(replayedRecords) },
    { label: 'Time', value: `${Math.round(ms)} ms` },
  ];
}

async function auditNow(context: StepContext): Promise<AuditCounts> {
  const { acknowledged, verified, lost, torn, stale, misplaced } = await context.lab.workloads.auditVolume(
    sourceOf(context),
    (fraction) => context.progress(fraction),
  );
  return { acknowledged, verified, lost, torn, stale, misplaced };
}

function auditFacts(counts: AuditCounts): StepFacts {
  return [
    { label: 'Acknowledged', value: String(counts.acknowledged) },
    { label: 'Verified', value: String(counts.verified) },
    { label: 'Lost', value: String(counts.lost) },
    { label: 'Torn', value: String(counts.torn) },
    { label: 'Stale', value: String(counts.stale) },
    { label: 'Misplaced', value: String(counts.misplaced) },
  ];
}

async function auditAfterFailover(context: StepContext): Promise<StepFacts> {
  const counts = await auditNow(context);
  measure(context, { afterFailover: counts });
  return auditFacts(counts);
}

async function writeAtDestination(context: StepContext): Promise<StepFacts> {
  const { lab } = context;
  const volume = sourceOf(context);
  const startMs = lab.clock.nowMs();
  let firstMs: number | null = null;
  const stop = lab.workloads.observe((volumeId, _issuedAtMs, atMs) => {
    if (volumeId === volume.id) firstMs ??= atMs - startMs;
  });
  try {
    lab.workloads.release(volume);
    await ensureWorkload(context);
    const total = await writes(context, WRITES_AFTER);
    const first = firstMs ?? 0;
    measure(context, { firstWriteMs: first });
    return [
      {
        label: 'First write after',
        value: `${Math.round(first + (context.drill().measured.failover?.ms ?? 0))} ms (since the decision)`,
      },
      { label: 'Acknowledged writes', value: String(total) },
    ];
  } finally {
    stop();
  }
}

async function restoreSite(context: StepContext): Promise<StepFacts> {
  const { lab } = context;
  const { faultId } = context.drill();
  if (faultId !== null && lab.faults.list().some((fault) => fault.id === faultId)) await lab.faults.clear(faultId);
  context.remember({ faultId: null });
  await until(context, lab.settings.peerWaitMs + 30_000, 'The handshake of both sites', () => {
    const { source, destination } = lab.mirrors.view(mirrorOf(context));
    return source !== null && destination !== null && source.connected && destination.connected;
  });
  const shown = lab.mirrors.present(mirrorOf(context));
  return [
    { label: 'Image of the old primary', value: shown.imageState },
    { label: 'Conditions', value: shown.conditions.map((condition) => condition.code).join(', ') || 'none' },
  ];
}

async function differences(context: StepContext): Promise<StepFacts> {
  const { lab } = context;
  const preview = await lab.mirrors.preview(mirrorOf(context), 'reverse-resync', undefined);
  const regions = preview.overwritten?.regions ?? 0;
  const bytes = preview.overwritten?.bytes ?? 0;
  return [
    { label: 'Regions that may differ', value: String(regions) },
    { label: 'At most', value: mebibytes(bytes) },
    { label: 'Volume', value: mebibytes(sourceOf(context).sizeBytes) },
  ];
}

async function reverseResync(context: StepContext): Promise<StepFacts> {
  const { lab } = context;
  const preview = await lab.mirrors.preview(mirrorOf(context), 'reverse-resync', undefined);
  const { job, ms } = await act(context, 'reverse-resync', ['R05', 'R09']);
  const measured = {
    regionsDiffering: number(job.result, 'regionsDiffering', 'regions') || (preview.overwritten?.regions ?? 0),
    bytesCopied: number(job.result, 'bytesCopied', 'bytes'),
    bytesVolume: sourceOf(context).sizeBytes,
    ms,
  };
  measure(context, { reverseResync: measured });
  return [
    { label: 'Regions differing', value: String(measured.regionsDiffering) },
    { label: 'Copied', value: `${mebibytes(measured.bytesCopied)} of ${mebibytes(measured.bytesVolume)}` },
    { label: 'Time', value: `${Math.round(ms)} ms` },
  ];
}

/** Both checksums with hosts at rest; asks again for a moment, since the last records may still be on their way. */
async function compare(context: StepContext): Promise<{ readonly source: string; readonly destination: string }> {
  const { lab } = context;
  return lab.workloads.quietly(sourceOf(context), async () => {
    for (let attempt = 0; ; attempt += 1) {
      context.alive();
      const source = (await lab.content.checksum(sourceOf(context))).sha256;
      const destination = (await lab.content.checksum(destinationOf(context))).sha256;
      if (source === destination || attempt === 10) return { source, destination };
      await lab.clock.sleep(250);
    }
  });
}

async function verify(context: StepContext): Promise<StepFacts> {
  const checksums = await compare(context);
  if (checksums.source !== checksums.destination) {
    refuse(
      'drill/not-identical',
      `The images differ: ${checksums.source} and ${checksums.destination}.`,
      'Keep the lab as it is and report this: it must not happen.',
      { details: checksums },
    );
  }
  return [{ label: 'SHA-256 of both', value: checksums.source }];
}

async function failback(context: StepContext): Promise<StepFacts> {
  await until(context, SYNC_TIMEOUT_MS, 'The mirror becoming synchronized', () => inSync(context));
  const { ms } = await act(context, 'failback', ['R02', 'R09', 'R04']);
  const shown = context.lab.mirrors.present(mirrorOf(context));
  return [
    { label: 'Serving now', value: shown.acting ?? 'nobody' },
    { label: 'Time', value: `${Math.round(ms)} ms` },
  ];
}

async function finalAudit(context: StepContext): Promise<StepFacts> {
  const { lab } = context;
  await writes(context, 8);
  const own = context.drill().workloadId;
  if (own !== null && lab.workloads.runningOn(sourceOf(context).id)?.id === own) await lab.workloads.stop(own);
  context.remember({ workloadId: null });
  await until(context, SYNC_TIMEOUT_MS, 'The mirror becoming synchronized', () => inSync(context));
  const checksums = await compare(context);
  const counts = await auditNow(context);
  measure(context, { final: counts, checksums });
  return [
    ...auditFacts(counts),
    { label: 'SHA-256 source', value: checksums.source },
    { label: 'SHA-256 destination', value: checksums.destination },
  ];
}

async function report(context: StepContext): Promise<StepFacts> {
  const { measured, seed } = context.drill();
  const made = reportOf(measured, seed);
  if (made === null) refuse('drill/incomplete', 'Not every step left its figures.', 'Run the drill again.');
  context.remember({ report: made });
  return [{ label: 'Verdict', value: made.verdict }];
}

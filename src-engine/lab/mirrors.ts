/** Mirrors of the lab: whose word counts, and the actions as jobs whose effect is looked for before they are done. */
import type {
  ImageState,
  Job,
  Mirror,
  MirrorAction,
  MirrorHistory,
  MirrorPreview,
  SideName,
} from '../contract/index.ts';
import { conditionCodeSchema, imageStateSchema, MIRROR_ACTIONS } from '../contract/index.ts';
import { decisionViewOf, describeConditions } from '../replication/index.ts';
import type { EventStream } from './event-stream.ts';
import { instant } from './instant.ts';
import type { JobControl, Jobs, JobWork, Resumer } from './jobs.ts';
import { Refused, refusal, refuse } from './refused.ts';
import type { ServerUnit } from './server-unit.ts';
import type { ActionOutcome, ActionPreview, RefusalData, RelationshipStatus } from './server/types.ts';
import type { MirrorRecord, Topology } from './topology.ts';
import type { Clock } from '../runtime/index.ts';

/** What both servers say about one mirror, and whose word counts. */
export interface MirrorView {
  readonly record: MirrorRecord;
  readonly source: RelationshipStatus | null;
  readonly destination: RelationshipStatus | null;
  /** The acting primary's word, or that of the one which can be reached. */
  readonly leading: RelationshipStatus | null;
  readonly primary: { readonly home: SideName; readonly unit: ServerUnit; readonly volumeId: string } | null;
}

export interface MirrorEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly jobs: Jobs;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly changed: () => void;
  /** After a relationship was deleted on the servers. */
  readonly volumeServes: (unit: ServerUnit, volumeId: string) => boolean;
}

const WATCH_MS = 100;
/** How long an action waits for the state that proves it. */
const EFFECT_MS = 15_000;

/** How long a sync that lost its peer may rest before its job is given up. */
const TAKEN_UP_MS = 20_000;

/** Actions after which acknowledged writes of the losing image are gone from every serving image. */
const DISCARDS: readonly MirrorAction[] = ['failover', 'overwrite-primary', 'resolve', 'rollback'];

/** What the servers leave unsaid of actions that have no figures of their own. */
const STEPS: Partial<Record<MirrorAction, readonly string[]>> = {
  pause: ['The running sync stops where it is; what is left stays marked, and hosts go on.'],
  resume: ['The paused sync goes on where it stopped.'],
  verify: [
    'A consistency point is taken on both sides; both images are read and compared there while hosts go on writing.',
    'Nothing is overwritten: what differs is marked, and only a resync repairs it.',
  ],
  'overwrite-primary': [
    'The pair is fractured; then the image of the copy overwrites the primary wherever they differ.',
    'What hosts wrote to the primary since the copy was made is gone.',
  ],
};

const RUNNING_SYNC: readonly string[] = ['establish', 'resync', 'reverse-resync', 'overwrite-primary'];

export class Mirrors {
  readonly #environment: MirrorEnvironment;
  /** Last state seen of each mirror, for history and `since`. */
  readonly #seen = new Map<
    string,
    { readonly key: string; readonly state: ImageState; readonly sinceWallMs: number }
  >();
  readonly #lag = new Map<
    string,
    { readonly at: number[]; readonly writes: number[]; readonly bytes: number[]; readonly seconds: number[] }
  >();

  constructor(environment: MirrorEnvironment) {
    this.#environment = environment;
  }

  view(record: MirrorRecord): MirrorView {
    const { topology, unitOf } = this.#environment;
    const side = (volumeId: string): { unit: ServerUnit; status: RelationshipStatus | null } => {
      const unit = unitOf(topology.ownerOf(topology.volumes.get(volumeId)).id);
      return { unit, status: unit.face?.relationships().find((status) => status.id === record.id) ?? null };
    };
    const source = side(record.sourceVolumeId);
    const destination = side(record.destinationVolumeId);
    const primaries = [
      { home: 'source' as const, volumeId: record.sourceVolumeId, ...source },
      { home: 'destination' as const, volumeId: record.destinationVolumeId, ...destination },
    ]
      .filter((one) => one.status?.role === 'primary')
      .sort((a, b) => (b.status?.roleEpoch ?? 0) - (a.status?.roleEpoch ?? 0));
    const primary = primaries[0];
    return {
      record,
      source: source.status,
      destination: destination.status,
      leading: primary?.status ?? source.status ?? destination.status,
      primary: primary === undefined ? null : { home: primary.home, unit: primary.unit, volumeId: primary.volumeId },
    };
  }

  /** The volume and server that take host writes for a mirror; null while none does. */
  acting(
    record: MirrorRecord,
  ): { readonly unit: ServerUnit; readonly volumeId: string; readonly home: SideName } | null {
    const { primary } = this.view(record);
    return primary !== null && this.#environment.volumeServes(primary.unit, primary.volumeId) ? primary : null;
  }

  present(record: MirrorRecord): Mirror {
    const { topology } = this.#environment;
    const view = this.view(record);
    const status = view.leading;
    const sourceVolume = topology.volumes.get(record.sourceVolumeId);
    const destinationVolume = topology.volumes.get(record.destinationVolumeId);
    const source = { volume: sourceVolume.name, site: topology.siteOfVolume(sourceVolume).name };
    const destination = { volume: destinationVolume.name, site: topology.siteOfVolume(destinationVolume).name };
    const acting = this.acting(record);
    const imageState = stateOf(status, this.#seen.get(record.id)?.state);
    const sync = status?.resync ?? null;
    const job = this.#environment.jobs.running(`mirror/${record.name}`)[0];
    return {
      id: record.id,
      name: record.name,
      mode: 'consistency-point',
      policy: status?.policy ?? record.policy,
      recovery: record.recovery,
      imageState,
      conditions: conditionsOf(status, imageState),
      direction: status?.direction ?? 'forward',
      acting: acting === null ? null : acting.home === 'source' ? source.site : destination.site,
      source,
      destination,
      connection: status === null ? 'standalone' : status.connected ? 'connected' : 'connecting',
      lag: lagOf(status),
      lastContact: status === null || status.lastContactWallMs === null ? null : instant(status.lastContactWallMs),
      lastConsistent:
        status === null || status.position === null || status.lastContactWallMs === null
          ? null
          : { cp: status.position.ownCp, at: instant(status.lastContactWallMs) },
      fractureLog:
        status === null
          ? { regions: 0, dirty: 0, regionSizeBytes: 65_536, heat: [] }
          : {
              regions: status.fractureLog.regions,
              dirty: status.fractureLog.dirty,
              regionSizeBytes: status.fractureLog.regionSizeBytes,
              heat: status.fractureLog.dirty === 0 ? [] : status.heat.map(thousandths),
            },
      safetySnapshot:
        status === null || status.safetySnapshot === null
          ? null
          : { cp: status.position?.ownCp ?? 0, at: instant(status.safetySnapshot.atWallMs) },
      sync:
        sync === null
          ? null
          : {
              job: job?.id ?? '',
              direction: status?.direction ?? 'forward',
              state: sync.paused ? 'paused' : 'running',
              doneBytes: sync.regionsDone * 65_536,
              totalBytes: sync.regionsTotal * 65_536,
              copiedBytes: sync.bytesCopied,
              rateBytesPerSecond: rateOf(sync.bytesCopied, this.#environment.clock.wallMs() - sync.startedAtMs),
              etaSeconds: etaOf(
                sync.regionsDone,
                sync.regionsTotal,
                this.#environment.clock.wallMs() - sync.startedAtMs,
              ),
            },
      actions: MIRROR_ACTIONS.map((action) => {
        const known = this.#actionStatus(view, action);
        if (known === null) {
          return { action, allowed: false, needsConfirmation: false, refusal: this.#unreachable(record) };
        }
        return {
          action,
          allowed: known.allowed,
          needsConfirmation: known.confirm === 'typed',
          ...(known.refusal === undefined ? {} : { refusal: refusalFrom(known.refusal) }),
        };
      }),
      since: instant(this.#seen.get(record.id)?.sinceWallMs ?? record.createdAtMs),
      createdAt: instant(record.createdAtMs),
    };
  }

  #actionStatus(view: MirrorView, action: MirrorAction): RelationshipStatus['actions'][number] | null {
    const at = this.#sideFor(view, action);
    return at?.status.actions.find((one) => one.action === action) ?? null;
  }

  /** The server to ask about an action: the secondary's for a forced promotion and a rollback, the acting primary's for all others. */
  #sideFor(
    view: MirrorView,
    action: MirrorAction,
  ): { readonly status: RelationshipStatus; readonly unit: ServerUnit } | null {
    const { topology, unitOf } = this.#environment;
    const unit = (volumeId: string): ServerUnit => unitOf(topology.ownerOf(topology.volumes.get(volumeId)).id);
    const sides = [
      { status: view.source, unit: unit(view.record.sourceVolumeId) },
      { status: view.destination, unit: unit(view.record.destinationVolumeId) },
    ];
    const wanted =
      action === 'failover' || action === 'rollback'
        ? sides.find((side) => side.status?.role === 'secondary')
        : undefined;
    const chosen = wanted ?? sides.find((side) => side.status !== null && side.status === view.leading);
    return chosen === undefined || chosen.status === null ? null : { status: chosen.status, unit: chosen.unit };
  }

  #unreachable(record: MirrorRecord) {
    return refusal('mirror/unreachable', `No server of ${record.name} is up.`, 'Power on one of its servers.');
  }

  async preview(record: MirrorRecord, action: MirrorAction, keep: SideName | undefined): Promise<MirrorPreview> {
    const { topology } = this.#environment;
    const view = this.view(record);
    const at = this.#sideFor(view, action);
    if (at === null) throw new Refused(this.#unreachable(record));
    const preview: ActionPreview = await at.unit.ask((face) => face.preview(record.id, action));
    const side = (home: SideName) => {
      const volume = topology.volumes.get(home === 'source' ? record.sourceVolumeId : record.destinationVolumeId);
      return { volume: volume.name, site: topology.siteOfVolume(volume).name };
    };
    const winner = winnerOf(action, view.primary?.home ?? 'source', keep);
    const overwritten = winner === null ? null : winner === 'source' ? 'destination' : 'source';
    const lossy = preview.loss.knownWrites > 0 || preview.loss.unknownAfterWallMs !== null;
    const known = preview.loss.unknownAfterWallMs === null;
    const lossText = lossSentence(preview.loss);
    const safeAt = view.leading?.lastContactWallMs ?? null;
    return {
      action,
      allowed: preview.allowed,
      refusal: preview.refusal === undefined ? null : refusalFrom(preview.refusal),
      needsConfirmation: preview.confirm === 'typed',
      steps: preview.effects.length > 0 ? [...preview.effects] : [...(STEPS[action] ?? [])],
      winner: winner === null ? null : side(winner),
      overwritten:
        overwritten === null ? null : { ...side(overwritten), regions: preview.regions, bytes: preview.bytesAtMost },
      loss:
        action === 'failover' || (lossy && DISCARDS.includes(action))
          ? {
              writes: preview.loss.knownWrites,
              bytes: view.leading?.lag.bytes ?? 0,
              seconds: view.leading?.lag.seconds ?? 0,
              known,
              text: lossy ? lossText : 'No acknowledged write would be missing.',
            }
          : null,
      lastSafe:
        preview.lastSafe === null ? null : { ...preview.lastSafe, at: safeAt === null ? null : instant(safeAt) },
      expectedSeconds: preview.expectedMs === null ? null : preview.expectedMs / 1000,
      kept:
        overwritten === null
          ? null
          : `The last consistent image of ${side(overwritten).volume} is kept as a safety snapshot until the sync is complete.`,
      command: `lockstep mirror ${action} ${record.name}${action === 'failover' ? ' --force' : ''}${action === 'resolve' ? ` --keep ${keep ?? 'source|destination'}` : ''}${preview.confirm === 'typed' ? ' --yes' : ''}`,
    };
  }

  /** Carries out an action; what is refused throws, everything else is a job. */
  async act(
    record: MirrorRecord,
    action: MirrorAction,
    options: {
      readonly confirm?: string | undefined;
      readonly force?: boolean | undefined;
      readonly keep?: SideName | undefined;
    },
  ): Promise<Job> {
    const { topology } = this.#environment;
    if (options.confirm !== undefined && options.confirm !== record.name) {
      refuse(
        'mirror/wrong-confirmation',
        `The confirmation must be the mirror's name, ${record.name}.`,
        'Type the name exactly.',
        { field: 'confirm' },
      );
    }
    const view = this.view(record);
    const at = this.#sideFor(view, action);
    if (at === null) throw new Refused(this.#unreachable(record));
    const known = at.status.actions.find((one) => one.action === action);
    if (known?.refusal !== undefined && !known.allowed && !(known.refusal.overridable && options.confirm !== undefined))
      throw new Refused(refusalFrom(known.refusal));
    if (known?.confirm === 'typed' && options.confirm === undefined) {
      throw new Refused(
        refusal(
          'mirror/confirmation-required',
          `${action} of ${record.name} cannot be undone by itself.`,
          `Confirm with the mirror's name (${record.name}); preview says what would happen.`,
          { field: 'confirm', overridable: true },
        ),
      );
    }
    const outcome: ActionOutcome = await at.unit.ask((face) =>
      face.act(record.id, action, {
        confirmed: options.confirm !== undefined,
        ...(options.force === undefined ? {} : { force: options.force }),
        ...(options.keep === undefined ? {} : { keep: options.keep }),
      }),
    );
    if (outcome.kind === 'refused') throw new Refused(refusalFrom(outcome.refusal));
    if (action === 'delete' && outcome.kind === 'done') topology.mirrors.remove(record.id);
    this.#environment.changed();
    const canPause = RUNNING_SYNC.includes(action) && action !== 'overwrite-primary' && outcome.kind === 'running';
    return this.#environment.jobs.start(
      { kind: `mirror/${action}`, subject: `mirror/${record.name}`, parameters: { mirrorId: record.id }, canPause },
      this.#work(record, action, at.unit, outcome),
    );
  }

  /** Pairs two volumes; the first full copy begins at once, as a job. */
  async create(record: MirrorRecord): Promise<void> {
    const { topology, unitOf, jobs } = this.#environment;
    const unit = unitOf(topology.ownerOf(topology.volumes.get(record.sourceVolumeId)).id);
    const peer = unitOf(topology.ownerOf(topology.volumes.get(record.destinationVolumeId)).id);
    peer.need();
    const outcome = await unit.ask((face) =>
      face.createRelationship({
        id: record.id,
        name: record.name,
        volumeId: record.sourceVolumeId,
        peerServerId: peer.spec.id,
        peerVolumeId: record.destinationVolumeId,
        policy: record.policy,
        recovery: record.recovery === 'auto' ? 'automatic' : 'manual',
      }),
    );
    if (outcome.kind === 'refused') throw new Refused(refusalFrom(outcome.refusal));
    topology.mirrors.put(record);
    jobs.start(
      {
        kind: 'mirror/establish',
        subject: `mirror/${record.name}`,
        parameters: { mirrorId: record.id },
        canPause: outcome.kind === 'running',
      },
      this.#work(record, 'establish', unit, outcome),
    );
    this.#environment.changed();
  }

  #work(record: MirrorRecord, action: MirrorAction, unit: ServerUnit, outcome: ActionOutcome | null): JobWork {
    const direct = (what: 'pause' | 'resume') => async (): Promise<void> => {
      const at = this.#sideFor(this.view(record), what);
      if (at === null) throw new Refused(this.#unreachable(record));
      const answer = await at.unit.ask((face) => face.act(record.id, what, { confirmed: true }));
      if (answer.kind === 'refused') throw new Refused(refusalFrom(answer.refusal));
    };
    return {
      run: async (control) => {
        if (outcome?.kind === 'done') return outcome.result;
        return this.#watch(record, action, unit, outcome, control);
      },
      verify: () => this.#effect(record, action),
      pause: direct('pause'),
      resume: direct('resume'),
    };
  }

  /** Work in the servers goes on by itself, also across their restarts; the job watches it to the end. */
  async #watch(
    record: MirrorRecord,
    action: MirrorAction,
    unit: ServerUnit,
    outcome: ActionOutcome | null,
    control: JobControl,
  ): Promise<Record<string, unknown>> {
    let finished: { readonly result: Record<string, unknown> } | { readonly error: unknown } | null = null;
    if (outcome?.kind === 'running') {
      outcome.finished.then(
        (result) => (finished = { result }),
        (error: unknown) => (finished = { error }),
      );
    }
    const current = (): { readonly result: Record<string, unknown> } | { readonly error: unknown } | null => finished;
    let lives = outcome?.kind === 'running';
    if (lives) void unit.over().then(() => (lives = false));
    let last: Record<string, unknown> = {};
    let giveUpAtMs: number | null = null;
    for (;;) {
      const done = current();
      if (done !== null && 'result' in done) return done.result;
      const nowMs = this.#environment.clock.nowMs();
      if (done !== null && 'error' in done) {
        // A sync that lost its peer is taken up by the servers themselves; only when they do not is it over.
        lives = false;
        giveUpAtMs ??= nowMs + TAKEN_UP_MS;
        if (!RUNNING_SYNC.includes(action) || nowMs >= giveUpAtMs) throw done.error;
      }
      // Verify and the overwriting of a primary are no syncs of the relationship: only the action itself knows how far it is.
      const own = outcome?.kind === 'running' && done === null ? outcome.progress() : null;
      const sync =
        own?.kind === 'verify' || own?.kind === 'overwrite-primary' ? own : (this.view(record).leading?.resync ?? null);
      if (sync !== null) {
        if (giveUpAtMs !== null) giveUpAtMs = nowMs + TAKEN_UP_MS;
        last = {
          regionsTotal: sync.regionsTotal,
          regionsDiffering: sync.regionsDiffering,
          bytesCopied: sync.bytesCopied,
          bytesVolume: sync.bytesVolume,
        };
        control.progress({
          phase: sync.paused ? 'paused' : sync.kind,
          done: sync.regionsDone * 65_536,
          total: sync.regionsTotal * 65_536,
        });
      } else if (!this.#stillWatching(lives) && (await this.#settled(record, action))) {
        return last;
      }
      await this.#environment.clock.sleep(WATCH_MS);
      control.signal.throwIfAborted();
    }
  }

  #stillWatching(lives: boolean): boolean {
    return lives;
  }

  /** Without the server's own word (it died or the host restarted): is there nothing left to wait for? */
  async #settled(record: MirrorRecord, action: MirrorAction): Promise<boolean> {
    const view = this.view(record);
    if (view.leading === null || view.source === null || view.destination === null) return false;
    return (await this.#missing(record, action)) === null || !RUNNING_SYNC.includes(action);
  }

  async #effect(record: MirrorRecord, action: MirrorAction): Promise<string | null> {
    const { clock } = this.#environment;
    const untilMs = clock.nowMs() + EFFECT_MS;
    for (;;) {
      const missing = await this.#missing(record, action);
      if (missing === null || clock.nowMs() >= untilMs) return missing;
      await clock.sleep(WATCH_MS);
    }
  }

  /** What the effect of an action still lacks, as a sentence; null when it is there. */
  async #missing(record: MirrorRecord, action: MirrorAction): Promise<string | null> {
    if (action === 'delete') return this.view(record).leading === null ? null : `${record.name} still exists`;
    const view = this.view(record);
    const status = view.leading;
    if (status === null) return `no server of ${record.name} can be asked`;
    const equal = status.imageState === 'Synchronized' || status.imageState === 'Consistent';
    const acting = this.acting(record);
    const say = (held: boolean, sentence: string): string | null => (held ? null : sentence);
    switch (action) {
      case 'establish':
      case 'resync':
      case 'overwrite-primary':
        return say(equal, `${record.name} is ${status.imageState}`);
      case 'reverse-resync':
        return say(
          equal && status.direction === 'reversed',
          `${record.name} is ${status.imageState}, ${status.direction}`,
        );
      case 'failover':
      case 'switchover':
        return say(
          acting?.home === 'destination' && status.direction === 'reversed',
          `${record.name} is not served by its destination`,
        );
      case 'failback':
        return say(
          acting?.home === 'source' && status.direction === 'forward',
          `${record.name} is not served by its source`,
        );
      case 'fracture':
        return say(
          !equal || status.conditions.some((condition) => condition.code === 'FracturedAdmin'),
          `${record.name} is not fractured`,
        );
      case 'pause':
        return say(status.resync?.paused !== false, 'the sync goes on');
      case 'resume':
        return say(status.resync?.paused !== true, 'the sync is still paused');
      case 'rollback':
        return say(status.imageState !== 'RollingBack', 'the rollback has not ended');
      case 'resolve':
        return say(status.imageState !== 'Diverged', `${record.name} is still diverged`);
      case 'verify':
        return null;
    }
  }

  /** For jobs that a restart of the host interrupted. */
  resumers(): Record<string, Resumer> {
    const resumer: (action: MirrorAction) => Resumer = (action) => (job) => {
      const record = this.#environment.topology.mirrors.byId(String(job.parameters['mirrorId']));
      if (record === undefined) return null;
      const unit = this.#environment.unitOf(
        this.#environment.topology.ownerOf(this.#environment.topology.volumes.get(record.sourceVolumeId)).id,
      );
      return this.#work(record, action, unit, null);
    };
    return Object.fromEntries(RUNNING_SYNC.map((action) => [`mirror/${action}`, resumer(action as MirrorAction)]));
  }

  /** Looks for changes of state; called a few times a second. Each change is an event. */
  observe(): boolean {
    let changed = false;
    for (const record of this.#environment.topology.mirrors.list()) {
      const status = this.view(record).leading;
      if (status === null) continue;
      const state = stateOf(status, undefined);
      const conditions = status.conditions.map((condition) => condition.code);
      const key = `${state} ${status.direction} ${[...conditions].sort().join(',')} ${this.acting(record)?.home ?? ''}`;
      const before = this.#seen.get(record.id);
      if (before?.key === key) continue;
      const wallMs = this.#environment.clock.wallMs();
      this.#seen.set(record.id, { key, state, sinceWallMs: wallMs });
      changed = true;
      const bad = state === 'OutOfSync' || state === 'Diverged' || conditions.includes('FracturedSystem');
      this.#environment.events.append({
        kind: 'mirror/state',
        severity: bad ? 'warning' : 'notice',
        subject: `mirror/${record.name}`,
        message: `${record.name} is ${state}${conditions.length === 0 ? '' : ` (${conditions.join(', ')})`}${status.direction === 'reversed' ? ', reversed' : ''}`,
        details: { mirror: record.id, from: before?.state ?? null, to: state, conditions, direction: status.direction },
      });
    }
    return changed;
  }

  /** One sample of every mirror's lag, about once a second. */
  sampleLag(keep: number): void {
    const at = this.#environment.clock.wallMs();
    for (const record of this.#environment.topology.mirrors.list()) {
      const lag = lagOf(this.view(record).leading);
      const series = this.#lag.get(record.id) ?? { at: [], writes: [], bytes: [], seconds: [] };
      series.at.push(at);
      series.writes.push(lag.writes);
      series.bytes.push(lag.bytes);
      series.seconds.push(lag.seconds);
      if (series.at.length > keep)
        for (const column of [series.at, series.writes, series.bytes, series.seconds]) column.shift();
      this.#lag.set(record.id, series);
    }
  }

  lagSeries(record: MirrorRecord, windowSeconds: number) {
    const series = this.#lag.get(record.id) ?? { at: [], writes: [], bytes: [], seconds: [] };
    const from = this.#environment.clock.wallMs() - windowSeconds * 1000;
    const first = series.at.findIndex((at) => at >= from);
    const cut = (column: number[]): number[] => (first < 0 ? [] : column.slice(first));
    return { at: cut(series.at), writes: cut(series.writes), bytes: cut(series.bytes), seconds: cut(series.seconds) };
  }

  history(record: MirrorRecord, limit: number): MirrorHistory[] {
    return this.#environment.events
      .page({ limit, kind: 'mirror/state', subject: `mirror/${record.name}` })
      .flatMap((event) => {
        const to = imageStateSchema.safeParse(event.details?.['to']);
        if (!to.success) return [];
        const from = imageStateSchema.safeParse(event.details?.['from']);
        const conditions = conditionCodeSchema.array().safeParse(event.details?.['conditions']);
        return [
          {
            at: event.at,
            event: event.id,
            from: from.success ? from.data : null,
            to: to.data,
            conditions: conditions.success ? conditions.data : [],
            direction: event.details?.['direction'] === 'reversed' ? ('reversed' as const) : ('forward' as const),
            message: event.message,
          },
        ];
      });
  }
}

function stateOf(status: RelationshipStatus | null, before: ImageState | undefined): ImageState {
  const parsed = imageStateSchema.safeParse(status?.imageState);
  return parsed.success ? parsed.data : (before ?? 'NotEstablished');
}

/** The conditions for people, most severe first, with what clears them, as the state machine says. */
function conditionsOf(status: RelationshipStatus | null, image: ImageState): Mirror['conditions'] {
  if (status === null) return [];
  const conditions = status.conditions.flatMap((condition) => {
    const code = conditionCodeSchema.safeParse(condition.code);
    return code.success ? [{ code: code.data, sinceWallMs: condition.since, cause: condition.cause }] : [];
  });
  const lock = conditions.find((condition) => condition.code === 'DirectionLocked')?.cause;
  const view = decisionViewOf({
    image,
    conditions,
    direction: status.direction,
    connected: status.connected,
    recovery: status.recovery,
    lock: lock === 'forward' || lock === 'reverse' ? lock : null,
  });
  return describeConditions(view, status.lastContactWallMs ?? 0).map(
    ({ code, sinceWallMs, cause, nextStep, clearedBy }) => ({
      code,
      since: instant(sinceWallMs),
      cause,
      nextStep,
      clearedBy: [...clearedBy],
    }),
  );
}

function lagOf(status: RelationshipStatus | null): { writes: number; bytes: number; seconds: number } {
  return status === null
    ? { writes: 0, bytes: 0, seconds: 0 }
    : {
        writes: Math.max(0, status.lag.writes),
        bytes: Math.max(0, status.lag.bytes),
        seconds: Math.max(0, status.lag.seconds),
      };
}

function lossSentence({ knownWrites, unknownAfterWallMs }: ActionPreview['loss']): string {
  const known = `${knownWrites} acknowledged write${knownWrites === 1 ? '' : 's'}`;
  if (unknownAfterWallMs === null) return `${known} would be missing.`;
  const after = `${instant(unknownAfterWallMs).slice(0, 19).replace('T', ' ')} UTC`;
  if (knownWrites === 0)
    return `What was acknowledged after ${after} would be missing; how much that is cannot be known here.`;
  return `At least ${known} would be missing; what was acknowledged after ${after} cannot be known here.`;
}

/** Enough for a picture, and short on the wire. */
function thousandths(share: number): number {
  return Math.round(share * 1000) / 1000;
}

function rateOf(bytes: number, elapsedMs: number): number {
  return elapsedMs <= 0 ? 0 : (bytes / elapsedMs) * 1000;
}

function etaOf(done: number, total: number, elapsedMs: number): number | null {
  return done <= 0 || elapsedMs <= 0 ? null : Math.max(0, ((total - done) / done) * (elapsedMs / 1000));
}

export function refusalFrom(data: RefusalData) {
  return refusal(data.code, data.message, data.hint, {
    overridable: data.overridable,
    ...(data.details === undefined ? {} : { details: data.details }),
  });
}

/** Whose content stays when an action overwrites an image; null where none is overwritten. */
function winnerOf(action: MirrorAction, primary: SideName, keep: SideName | undefined): SideName | null {
  switch (action) {
    case 'establish':
    case 'resync':
    case 'reverse-resync':
      return primary;
    case 'overwrite-primary':
      return primary === 'source' ? 'destination' : 'source';
    case 'resolve':
      return keep ?? null;
    default:
      return null;
  }
}

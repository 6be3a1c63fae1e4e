/** Mirrors of the lab: made, shown, and acted on; every action is a job. */
import type { Job, Mirror, MirrorAction, MirrorPreview, SideName } from '../contract/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { EventStream } from './event-stream.ts';
import type { Jobs, Resumer } from './jobs.ts';
import { MirrorHistories } from './mirror-history.ts';
import { MirrorJobs, RUNNING_SYNC } from './mirror-jobs.ts';
import { previewAction } from './mirror-preview.ts';
import { MirrorSides, refusalFrom, unreachable, type ActingSide, type MirrorView } from './mirror-sides.ts';
import { presentMirror } from './mirror-view.ts';
import { Refused, refusal, refuse } from './refused.ts';
import type { Serial } from './serial.ts';
import type { ServerUnit } from './server-unit.ts';
import type { ActionOutcome } from './server/types.ts';
import type { MirrorRecord, Topology, VolumeRecord } from './topology.ts';

export interface MirrorEnvironment {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly jobs: Jobs;
  readonly unitOf: (serverId: string) => ServerUnit;
  readonly changed: () => void;
  readonly changes: Serial;
}

export interface MirrorSpec {
  readonly name: string;
  readonly source: VolumeRecord;
  readonly destination: VolumeRecord;
  readonly policy?: 'availability' | 'strict' | undefined;
  readonly recovery?: 'auto' | 'manual' | undefined;
  /** Nothing is copied: both volumes are declared equal. Wants the mirror's name as `confirm`. */
  readonly assumeEqual?: boolean | undefined;
  readonly confirm?: string | undefined;
}

export class Mirrors {
  readonly history: MirrorHistories;
  readonly #environment: MirrorEnvironment;
  readonly #sides: MirrorSides;
  readonly #jobs: MirrorJobs;

  constructor(environment: MirrorEnvironment) {
    this.#environment = environment;
    this.#sides = new MirrorSides(environment);
    this.#jobs = new MirrorJobs({ ...environment, sides: this.#sides });
    this.history = new MirrorHistories({ ...environment, sides: this.#sides });
  }

  view(record: MirrorRecord): MirrorView {
    return this.#sides.view(record);
  }

  /** The volume and server that take host writes for a mirror; null while none does. */
  acting(record: MirrorRecord): ActingSide | null {
    return this.#sides.acting(record);
  }

  present(record: MirrorRecord): Mirror {
    return presentMirror({ ...this.#environment, sides: this.#sides }, record, this.history.seen(record));
  }

  preview(record: MirrorRecord, action: MirrorAction, keep: SideName | undefined): Promise<MirrorPreview> {
    return previewAction({ ...this.#environment, sides: this.#sides }, record, action, keep);
  }

  /** For jobs that a restart of the host interrupted. */
  resumers(): Record<string, Resumer> {
    return this.#jobs.resumers();
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
    const view = this.#sides.view(record);
    const at = this.#sides.sideFor(view, action);
    if (at === null) throw new Refused(unreachable(record));
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
      this.#jobs.work(record, action, at.unit, outcome),
    );
  }

  create(spec: MirrorSpec): Promise<MirrorRecord> {
    const { changes, topology } = this.#environment;
    return changes.run(() =>
      this.#create({
        ...spec,
        source: topology.volumes.still(spec.source),
        destination: topology.volumes.still(spec.destination),
      }),
    );
  }

  async #create(spec: MirrorSpec): Promise<MirrorRecord> {
    const { topology, clock } = this.#environment;
    topology.mirrors.checkName(spec.name);
    this.refuseImpossible(spec);
    if (spec.assumeEqual === true && spec.confirm !== spec.name) {
      refuse(
        'R30',
        `Nothing proves that ${spec.source.name} and ${spec.destination.name} are equal.`,
        `Accept a full sync, or confirm with the mirror's name, ${spec.name}, and run verify afterwards.`,
        { field: 'confirm', overridable: true },
      );
    }
    const record: MirrorRecord = {
      id: topology.newId(),
      name: spec.name,
      createdAtMs: clock.wallMs(),
      sourceVolumeId: spec.source.id,
      destinationVolumeId: spec.destination.id,
      policy: spec.policy ?? 'availability',
      recovery: spec.recovery ?? 'auto',
    };
    await this.#pair(record, spec.assumeEqual === true);
    return record;
  }

  /** Refuses two volumes that cannot be a pair. */
  refuseImpossible(spec: Pick<MirrorSpec, 'source' | 'destination'>): void {
    const { topology } = this.#environment;
    for (const volume of [spec.source, spec.destination]) {
      const other = topology.mirrorOfVolume(volume.id);
      if (other !== undefined)
        refuse(
          'mirror/volume-mirrored',
          `${volume.name} belongs to the mirror ${other.name} already.`,
          'Name two volumes without a mirror.',
        );
    }
    if (spec.source.id === spec.destination.id)
      refuse('mirror/same-volume', 'A mirror pairs two different volumes.', 'Name two volumes.', {
        field: 'destination',
      });
    if (topology.ownerOf(spec.source).id === topology.ownerOf(spec.destination).id)
      refuse('mirror/same-server', 'Both volumes are served by the same server.', 'Name a volume of another site.', {
        field: 'destination',
      });
    if (spec.source.sizeBytes !== spec.destination.sizeBytes) {
      refuse(
        'R19',
        `${spec.source.name} is ${spec.source.sizeBytes} bytes, ${spec.destination.name} is ${spec.destination.sizeBytes}; grow the smaller.`,
        'Grow the smaller volume.',
        { field: 'destination' },
      );
    }
  }

  /** Pairs two volumes; the first full copy begins at once, as a job. */
  async #pair(record: MirrorRecord, assumeEqual: boolean): Promise<void> {
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
        assumeEqual,
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
      this.#jobs.work(record, 'establish', unit, outcome),
    );
    this.#environment.changed();
  }
}

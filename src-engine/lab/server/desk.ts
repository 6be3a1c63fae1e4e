import type { Runtime } from '../../runtime/index.ts';
import {
  ACTIONS,
  Overwrite,
  PeerLostError,
  PeerRefusedError,
  Verify,
  decideAction,
  growPair,
  promote,
  refuse,
  resyncResultJson,
  rollback,
  swap,
  type MirrorAction,
  type Relationship,
  type Replication,
  type ResyncKind,
} from '../../replication/index.ts';
import { BLOCK_BYTES, type LoggedVolume } from '../../volume/index.ts';
import { isAction, previewOf } from './preview.ts';
import { refusalData, refused } from './refusals.ts';
import { RelationshipViews } from './relationship-view.ts';
import type {
  ActionOptions,
  ActionOutcome,
  ActionPreview,
  RelationshipStatus,
  ResyncProgress,
  StorageServerFace,
} from './types.ts';

/** Which server carries an action out: the acting primary's, the secondary's, or either. */
export function executorOf(action: string): 'primary' | 'secondary' | 'either' {
  if (action === 'failover' || action === 'rollback') return 'secondary';
  return action === 'resolve' || action === 'delete' ? 'either' : 'primary';
}

/** Where admin actions on relationships arrive: refusal by the state machine, then execution. */
export class RelationshipDesk {
  private readonly replication: Replication;
  private readonly runtime: Runtime;
  private readonly nameOf: (id: string) => string;
  private readonly views: RelationshipViews;

  constructor(replication: Replication, runtime: Runtime, nameOf: (id: string) => string) {
    this.replication = replication;
    this.runtime = runtime;
    this.nameOf = nameOf;
    this.views = new RelationshipViews(replication, runtime, nameOf);
  }

  status(rel: Relationship): RelationshipStatus {
    return this.views.status(rel);
  }

  preview(rel: Relationship, action: string): ActionPreview {
    return previewOf(this.views, this.replication, rel, action);
  }

  async create(
    volume: LoggedVolume,
    spec: Parameters<StorageServerFace['createRelationship']>[0],
  ): Promise<ActionOutcome> {
    if (volume.mirror !== null)
      return refused(
        'mirror/volume-in-use',
        `${volume.record.name} is in a relationship already`,
        'delete that relationship first',
      );
    const peer = this.replication.connect(spec.peerServerId);
    for (let i = 0; i < 100 && !peer.connected; i++) await this.runtime.clock.sleep(50);
    if (!peer.connected)
      return {
        kind: 'refused',
        refusal: refusalData(
          refuse('R05', { peer: this.nameOf(spec.peerServerId), time: 'now', cause: 'no connection' }),
        ),
      };
    try {
      await peer.call('create', {
        relationship: spec.id,
        name: spec.name,
        volume: spec.peerVolumeId,
        sourceVolume: spec.volumeId,
        sizeBytes: volume.sizeBytes,
        policy: spec.policy,
        recovery: spec.recovery,
      });
      const assumeEqual = spec.assumeEqual === true;
      const half = {
        id: spec.id,
        name: spec.name,
        policy: spec.policy,
        recovery: spec.recovery,
        home: 'source',
        peerServerId: spec.peerServerId,
        peerVolumeId: spec.peerVolumeId,
      } as const;
      const rel = await this.replication.create(volume, half, assumeEqual);
      if (assumeEqual) {
        this.runtime.covered('mirror/assumed-equal');
        rel.report(
          'mirror/assumed-equal',
          'warning',
          'both copies were declared equal; nothing was compared: run verify',
        );
      }
      rel.deps.announce();
      return this.sync(rel, assumeEqual ? 'update' : 'full');
    } catch (error) {
      return this.outcomeOfError(error, spec.peerServerId);
    }
  }

  private sync(rel: Relationship, kind: ResyncKind): ActionOutcome {
    const running = this.replication.roles.startResync(rel, kind);
    return {
      kind: 'running',
      finished: running.finished.then(resyncResultJson),
      progress: () => this.views.progress(rel),
    };
  }

  async act(rel: Relationship, action: string, options: ActionOptions): Promise<ActionOutcome> {
    if (!isAction(action))
      return refused('mirror/unknown-action', `no action ${action}`, `one of ${ACTIONS.join(', ')}`);
    const decision = decideAction(action, this.views.decisionView(rel));
    const overridden =
      decision.refusal?.overridable === true && options.confirmed && (options.force === true || action !== 'failover');
    if (!decision.allowed && !overridden) {
      return decision.refusal === undefined
        ? refused('mirror/not-allowed', 'not possible in this state', '')
        : { kind: 'refused', refusal: refusalData(decision.refusal) };
    }
    if (decision.confirm === 'typed' && !options.confirmed) {
      return refused(
        'mirror/confirmation-needed',
        `${action} needs the typed name of the mirror as confirmation`,
        `repeat with --yes, or type ${rel.record.name}`,
      );
    }
    if (decision.noop) return { kind: 'done', result: { changed: false } };
    const executor = executorOf(action);
    if (executor !== 'either' && executor !== rel.record.role && !rel.record.handingOver)
      return refused(
        'mirror/other-side',
        `${action} is carried out by the ${executor}'s server`,
        `ask ${this.nameOf(rel.record.peerServerId)}`,
      );
    this.runtime.log.write('info', 'action on a relationship', { relationship: rel.id, action });
    try {
      return await this.carryOut(rel, action, options);
    } catch (error) {
      return this.outcomeOfError(error, rel.record.peerServerId);
    }
  }

  private async carryOut(rel: Relationship, action: MirrorAction, options: ActionOptions): Promise<ActionOutcome> {
    const { roles } = this.replication;
    switch (action) {
      case 'establish':
        rel.set({ fracture: null });
        await rel.primary.fracture('admin', 'a full sync was asked for');
        return this.sync(rel, 'full');
      case 'resync':
      case 'reverse-resync':
        // What a verify found is repaired as after a fracture: the target names its marks when the sync begins.
        if (rel.primary.mode !== 'marked' && rel.record.image === 'Synchronized')
          await rel.primary.fracture('admin', 'a resync was asked for');
        return this.sync(rel, action === 'resync' ? 'update' : 'reverse');
      case 'fracture':
        if (rel.primary.mode === 'marked' && rel.record.image === 'Synchronized')
          await rel.primary.isolate('admin', 'asked by the administrator');
        else if (rel.primary.mode === 'marked')
          await rel.change({
            fracture: { cause: 'admin', atWallMs: this.runtime.clock.wallMs(), sequence: rel.primary.held },
          });
        else await rel.primary.fracture('admin', 'asked by the administrator');
        return { kind: 'done', result: { dirtyRegions: rel.markedRegions } };
      case 'pause':
      case 'resume':
        roles.running(rel.id)?.resync.setPaused(action === 'pause');
        return { kind: 'done', result: {} };
      case 'switchover':
      case 'failback':
        return { kind: 'done', result: await swap(rel) };
      case 'failover':
        return { kind: 'done', result: await promote(rel) };
      case 'rollback':
        return { kind: 'done', result: await rollback(rel) };
      case 'resolve':
        if (options.keep === undefined)
          return refused('mirror/keep-missing', 'say which side survives', '--keep source or --keep destination');
        return { kind: 'done', result: await roles.resolve(rel, options.keep) };
      case 'delete':
        return { kind: 'done', result: await roles.remove(rel) };
      case 'verify':
        return this.verify(rel);
      case 'overwrite-primary':
        return this.overwrite(rel);
    }
  }

  private verify(rel: Relationship): ActionOutcome {
    if (!rel.primary.inSync)
      return { kind: 'refused', refusal: refusalData(refuse('R02', { bytes: 'some', seconds: 0 }, false)) };
    const verify = new Verify(rel);
    const finished = verify.run().then((result) => {
      rel.report(
        result.blocksDiffering === 0 ? 'mirror/verified' : 'mirror/verify-found-differences',
        result.blocksDiffering === 0 ? 'notice' : 'alert',
        `verify compared ${String(result.regionsCompared)} regions at consistency point ${String(result.cp)}: ${String(result.blocksDiffering)} blocks differ`,
      );
      return { ...result };
    });
    const progress = (): ResyncProgress => ({
      kind: 'verify',
      regionsTotal: verify.regionsTotal,
      regionsDone: verify.regionsDone,
      regionsDiffering: verify.regionsDiffering,
      bytesCopied: 0,
      bytesVolume: rel.deps.volume.sizeBytes,
      startedAtMs: verify.startedWallMs,
      paused: false,
    });
    return { kind: 'running', finished, progress };
  }

  /** The restore itself, then the resync that finds both sides equal. */
  private overwrite(rel: Relationship): ActionOutcome {
    const overwrite = new Overwrite(rel);
    const finished = (async () => {
      if (rel.primary.mode !== 'marked')
        await rel.primary.fracture('admin', 'the primary is overwritten from the secondary');
      const result = await overwrite.run();
      await this.replication.roles.startResync(rel, 'update').finished;
      rel.report(
        'mirror/primary-overwritten',
        'warning',
        `the primary was overwritten from the secondary: ${String(result.bytesCopied)} bytes`,
      );
      return { ...result };
    })();
    finished.catch((error: unknown) => {
      rel.report(
        'mirror/overwrite-interrupted',
        'error',
        `overwriting the primary was interrupted: ${error instanceof Error ? error.message : String(error)}; repeat it or roll back`,
      );
    });
    const progress = (): ResyncProgress => ({
      kind: 'overwrite-primary',
      regionsTotal: overwrite.regionsTotal,
      regionsDone: overwrite.regionsDone,
      regionsDiffering: overwrite.regionsDiffering,
      bytesCopied: overwrite.bytesCopied,
      bytesVolume: rel.deps.volume.sizeBytes,
      startedAtMs: overwrite.startedWallMs,
      paused: false,
    });
    return { kind: 'running', finished, progress };
  }

  async grow(rel: Relationship, sizeBlocks: number): Promise<ActionOutcome> {
    try {
      await growPair(rel, sizeBlocks);
      return { kind: 'done', result: { sizeBytes: sizeBlocks * BLOCK_BYTES } };
    } catch (error) {
      return this.outcomeOfError(error, rel.record.peerServerId);
    }
  }

  private outcomeOfError(error: unknown, peerServerId: string): ActionOutcome {
    if (error instanceof PeerLostError)
      return {
        kind: 'refused',
        refusal: refusalData(refuse('R05', { peer: this.nameOf(peerServerId), time: 'now', cause: error.message })),
      };
    if (error instanceof PeerRefusedError) {
      const code = error.data['code'];
      const hint = error.data['hint'];
      return refused(
        typeof code === 'string' ? code : 'mirror/peer-refused',
        error.message,
        typeof hint === 'string' ? hint : '',
      );
    }
    throw error;
  }
}

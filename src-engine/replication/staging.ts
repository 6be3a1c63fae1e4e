import type { Stage } from '../pool/index.ts';
import type { CpDigest } from './digest.ts';
import type { Relationship } from './relationship.ts';

export type StageUse =
  | { readonly kind: 'resync'; readonly stage: Stage; blocks: number }
  | {
      readonly kind: 'cp';
      readonly cp: number;
      readonly stage: Stage;
      readonly digest: CpDigest;
      reservedBlocks: number;
    };

/** A consistency point of the source whose blocks are all here, on disk and verified; volatile (data-path.md 4). */
export interface Prepared {
  readonly cp: number;
  readonly applied: number;
  readonly digest: string;
  readonly stage: Stage;
}

/** What a destination has staged and nobody sees yet: blocks of a resync, or of one consistency point; never both. */
export class Staging {
  private readonly rel: Relationship;
  use: StageUse | null = null;
  prepared: Prepared | null = null;

  constructor(rel: Relationship) {
    this.rel = rel;
  }

  async forget(): Promise<void> {
    const { use, prepared } = this;
    if (use?.kind === 'cp' && this.rel.deps.runtime.planted('obey-stale-commit')) return;
    this.use = null;
    this.prepared = null;
    if (use?.kind === 'cp') this.rel.deps.pool.unreserve(use.reservedBlocks);
    await use?.stage.abandon();
    await prepared?.stage.abandon();
  }

  /** What was staged of a resync becomes durable: its marks may be cleared. */
  async commitResync(): Promise<void> {
    const use = this.use;
    if (use?.kind !== 'resync') return;
    this.use = null;
    await finished(use.stage);
    await this.rel.commit({ stages: [use.stage] }, (record) => record);
    this.rel.deps.volume.rootSwung(0);
  }
}

/** Fills and finishes a stage; one that cannot be finished (a full disk) must not stay open, a volume has only one. */
export async function finished(stage: Stage, fill?: () => Promise<void>): Promise<void> {
  try {
    await fill?.();
    await stage.finish();
  } catch (error) {
    await stage.abandon();
    throw error;
  }
}

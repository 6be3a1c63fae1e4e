/** What a drill remembers: everything, after every step, in the catalog. */
import type { Drill, DrillReport, DrillStepId, Refusal } from '../../contract/index.ts';
import { DRILL_STEPS } from '../../contract/index.ts';
import { instant } from '../instant.ts';

export interface Fact {
  readonly label: string;
  readonly value: string;
}

export interface StoredStep {
  readonly id: DrillStepId;
  readonly state: 'pending' | 'waiting' | 'running' | 'done' | 'failed';
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly progress: number | null;
  readonly facts: readonly Fact[];
}

export interface AuditCounts {
  readonly acknowledged: number;
  readonly verified: number;
  readonly lost: number;
  readonly torn: number;
  readonly stale: number;
  readonly misplaced: number;
}

/** Measurements, filled step by step. */
export interface Measured {
  readonly crash?: { readonly cp: number; readonly phase: string };
  readonly failover?: { readonly replayedRecords: number; readonly ms: number };
  readonly afterFailover?: AuditCounts;
  readonly firstWriteMs?: number;
  readonly reverseResync?: DrillReport['reverseResync'];
  readonly checksums?: DrillReport['checksums'];
  readonly final?: AuditCounts;
}

export interface StoredDrill {
  readonly id: string;
  readonly state: Drill['state'];
  readonly guided: boolean;
  readonly mirrorId: string;
  readonly mirror: string;
  readonly seed: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  readonly steps: readonly StoredStep[];
  readonly measured: Measured;
  /** The site-loss fault that it injected and has not healed yet. */
  readonly faultId: string | null;
  /** The workload that it started itself and has not stopped yet. */
  readonly workloadId: string | null;
  readonly report: DrillReport | null;
  readonly error: Refusal | null;
}

export const TITLES: Readonly<Record<DrillStepId, { readonly title: string; readonly description: string }>> = {
  prepare: {
    title: 'Prepare',
    description: 'Look whether both sites are up, nothing is broken and the mirror runs forward.',
  },
  workload: {
    title: 'Run a verified workload',
    description: 'Write to the source; every acknowledgement goes into a ledger outside of the lab’s failures.',
  },
  synchronize: { title: 'Wait for synchronized', description: 'The copy catches up while the workload goes on.' },
  crash: {
    title: 'Lose the primary’s site',
    description: 'Cut the power of the whole site in the middle of a consistency point.',
  },
  failover: {
    title: 'Fail over',
    description: 'Promote the copy by force: its last consistency point plus the mirror log.',
  },
  'audit-after-failover': {
    title: 'Audit',
    description: 'Read back every acknowledged write from the surviving site.',
  },
  'write-at-destination': { title: 'Keep writing', description: 'Hosts go on at the surviving site.' },
  'restore-site': {
    title: 'Bring the site back',
    description: 'Power and links return; both sides compare what they know.',
  },
  differences: { title: 'Show what differs', description: 'Regions that one side has and the other lacks.' },
  'reverse-resync': {
    title: 'Reverse resync',
    description: 'Copy exactly the differing blocks back to the old primary.',
  },
  verify: { title: 'Verify', description: 'Pause hosts and compare both images as a whole.' },
  failback: { title: 'Fail back', description: 'Planned role swap to the home roles.' },
  audit: {
    title: 'Audit again',
    description: 'Read back every acknowledged write, before and after the failover, from the home site.',
  },
  report: { title: 'Report', description: 'Verdict and figures.' },
};

export function newSteps(): StoredStep[] {
  return DRILL_STEPS.map((id) => ({
    id,
    state: 'pending',
    startedAtMs: null,
    endedAtMs: null,
    progress: null,
    facts: [],
  }));
}

export function present(drill: StoredDrill): Drill {
  return {
    id: drill.id,
    state: drill.state,
    guided: drill.guided,
    mirror: drill.mirror,
    startedAt: instant(drill.startedAtMs),
    endedAt: drill.endedAtMs === null ? null : instant(drill.endedAtMs),
    steps: drill.steps.map((step) => ({
      id: step.id,
      ...TITLES[step.id],
      state: step.state,
      startedAt: step.startedAtMs === null ? null : instant(step.startedAtMs),
      endedAt: step.endedAtMs === null ? null : instant(step.endedAtMs),
      progress: step.progress,
      facts: [...step.facts],
    })),
    report: drill.report,
    error: drill.error,
  };
}

/** The verdict is a pass only when nothing at all is missing and both images are the same. Pure. */
export function reportOf(measured: Measured, seed: number): DrillReport | null {
  const { crash, failover, afterFailover, firstWriteMs, reverseResync, checksums, final } = measured;
  if (
    crash === undefined ||
    failover === undefined ||
    afterFailover === undefined ||
    firstWriteMs === undefined ||
    reverseResync === undefined ||
    checksums === undefined ||
    final === undefined
  )
    return null;
  const rpoWrites = afterFailover.lost + afterFailover.stale + afterFailover.torn + afterFailover.misplaced;
  const worst = (key: 'lost' | 'torn' | 'stale' | 'misplaced'): number => Math.max(afterFailover[key], final[key]);
  const bad = rpoWrites + worst('lost') + worst('torn') + worst('stale') + worst('misplaced');
  return {
    verdict:
      bad === 0 && final.acknowledged > 0 && checksums.source !== '' && checksums.source === checksums.destination
        ? 'pass'
        : 'fail',
    acknowledgedWrites: final.acknowledged,
    lostWrites: worst('lost'),
    tornWrites: worst('torn'),
    staleWrites: worst('stale'),
    misplacedWrites: worst('misplaced'),
    rpoWrites,
    // The judge's own reading between failover and the next write is not the lab's time.
    rtoMs: failover.ms + firstWriteMs,
    crash,
    failover,
    reverseResync,
    checksums,
    seed,
  };
}

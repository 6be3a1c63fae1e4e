import type { Mirror, MirrorAction } from '../../../src-engine/contract/index.ts';
import { lossOf, protectionOf, type Loss, type Protection, type Tone } from '../../shared/index.ts';

export interface Answers {
  safe: { tone: Tone; protectedCount: number; total: number };
  failover: { tone: Tone; able: number; total: number; blocked: string | null };
  /** The worst of all relationships. */
  loss: { tone: Tone; loss: Loss; mirror: string | null };
  counts: Record<Protection, number>;
}

/** Ways in which the other side could take over now, planned or forced. */
const WAYS: readonly MirrorAction[] = ['switchover', 'failover', 'failback'];

const allowed = (mirror: Mirror): boolean =>
  mirror.actions.some((one) => WAYS.includes(one.action) && (one.allowed || one.refusal?.overridable === true));

const lossTone: Record<Loss['kind'], Tone> = {
  nothing: 'ok',
  writes: 'warn',
  'at-most': 'warn',
  unknown: 'warn',
  diverged: 'bad',
  'no-copy': 'bad',
};
const order: readonly Loss['kind'][] = ['nothing', 'writes', 'at-most', 'unknown', 'diverged', 'no-copy'];

/** Kinds of loss in their order, and within a kind by size. */
function badness(loss: Loss): number {
  const size = loss.kind === 'writes' ? loss.writes : loss.kind === 'at-most' ? loss.bytes : 0;
  return order.indexOf(loss.kind) + size / Number.MAX_SAFE_INTEGER;
}

/** The three questions, answered from what the engine says of each relationship. Pure. */
export function answer(mirrors: readonly Mirror[]): Answers {
  const counts: Record<Protection, number> = {
    synchronized: 0,
    'catching-up': 0,
    fractured: 0,
    unserved: 0,
    unprotected: 0,
  };
  for (const mirror of mirrors) counts[protectionOf(mirror)] += 1;
  const total = mirrors.length;
  const able = mirrors.filter(allowed).length;
  const blockedOne = mirrors.find((mirror) => !allowed(mirror));
  const worst = mirrors
    .map((mirror) => ({ mirror: mirror.name, loss: lossOf(mirror) }))
    .reduce<{ mirror: string; loss: Loss } | null>(
      (found, next) => (found === null || badness(next.loss) > badness(found.loss) ? next : found),
      null,
    );
  const protectedCount = counts.synchronized;
  const safeTone =
    total === 0
      ? 'idle'
      : counts.unprotected > 0
        ? 'bad'
        : counts.fractured + counts.unserved > 0
          ? 'warn'
          : counts['catching-up'] > 0
            ? 'busy'
            : 'ok';
  return {
    safe: { tone: safeTone, protectedCount, total },
    failover: {
      tone: total === 0 ? 'idle' : able === total ? 'ok' : able === 0 ? 'bad' : 'warn',
      able,
      total,
      blocked: blockedOne?.actions.find((one) => one.action === 'switchover')?.refusal?.message ?? null,
    },
    loss: {
      tone: worst === null ? 'idle' : lossTone[worst.loss.kind],
      loss: worst?.loss ?? { kind: 'nothing' },
      mirror: worst?.mirror ?? null,
    },
    counts,
  };
}

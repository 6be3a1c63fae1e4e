import type { Mirror, MirrorAction } from '../../../src-engine/contract/index.ts';
import { protectionOf, rpoWrites, type Protection, type Tone } from '../../shared/index.ts';

export interface Answers {
  safe: { tone: Tone; protectedCount: number; total: number };
  failover: { tone: Tone; able: number; total: number; blocked: string | null };
  loss: { tone: Tone; writes: number; bytes: number; seconds: number; mirror: string | null };
  counts: Record<Protection, number>;
}

/** Ways in which the other side could take over now, planned or forced. */
const WAYS: readonly MirrorAction[] = ['switchover', 'failover', 'failback'];

const allowed = (mirror: Mirror): boolean =>
  mirror.actions.some((one) => WAYS.includes(one.action) && (one.allowed || one.refusal?.overridable === true));

/** The three questions, answered from what the engine says of each relationship. Pure. */
export function answer(mirrors: readonly Mirror[]): Answers {
  const counts: Record<Protection, number> = { synchronized: 0, 'catching-up': 0, fractured: 0, unprotected: 0 };
  for (const mirror of mirrors) counts[protectionOf(mirror)] += 1;
  const total = mirrors.length;
  const able = mirrors.filter(allowed).length;
  const blockedOne = mirrors.find((mirror) => !allowed(mirror));
  const worst = mirrors.reduce<Mirror | null>(
    (found, mirror) => (found === null || rpoWrites(mirror) > rpoWrites(found) ? mirror : found),
    null,
  );
  const protectedCount = counts.synchronized;
  const safeTone =
    total === 0
      ? 'idle'
      : counts.unprotected > 0
        ? 'bad'
        : counts.fractured > 0
          ? 'warn'
          : counts['catching-up'] > 0
            ? 'busy'
            : 'ok';
  const writes = worst === null ? 0 : rpoWrites(worst);
  return {
    safe: { tone: safeTone, protectedCount, total },
    failover: {
      tone: total === 0 ? 'idle' : able === total ? 'ok' : able === 0 ? 'bad' : 'warn',
      able,
      total,
      blocked: blockedOne?.actions.find((one) => one.action === 'switchover')?.refusal?.message ?? null,
    },
    loss: {
      tone: total === 0 ? 'idle' : writes === 0 ? 'ok' : 'warn',
      writes,
      bytes: worst?.lag.bytes ?? 0,
      seconds: worst?.lag.seconds ?? 0,
      mirror: worst?.name ?? null,
    },
    counts,
  };
}

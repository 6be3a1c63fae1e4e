/**
 * The longest stall of the event loop over all scenarios that ran, and that of the idle machine beside it. Judged is
 * what the engine is to blame for: the stall without the time in which the machine ran others although the loop was
 * ready (from the kernel, Linux only). The note has both.
 */
import { number, type Figure } from './figure.ts';
import { watchingStalls, type Stall } from './measure.ts';

const seen: ({ readonly where: string } & Stall)[] = [];

/** Runs engine work under the watch. Plain loops, which block on purpose, must stay outside. */
export async function watched<T>(where: string, work: () => Promise<T>): Promise<T> {
  const { result, longestMs, ownMs } = await watchingStalls(work);
  seen.push({ where, longestMs, ownMs });
  return result;
}

export async function stallFigure(): Promise<Figure | null> {
  if (seen.length === 0) return null;
  // The thing measured is the loop at rest: there is nothing to wait for but time.
  const idle = await watchingStalls(() => new Promise((resolve) => setTimeout(resolve, 1000)));
  const judged = ({ longestMs, ownMs }: Stall): number => ownMs ?? longestMs;
  const worst = new Map<string, Stall>();
  for (const each of seen) {
    const known = worst.get(each.where);
    if (known === undefined || judged(each) > judged(known)) worst.set(each.where, each);
  }
  const note = [...worst].sort(([, a], [, b]) => judged(b) - judged(a)).map(([where, stall]) => `${where} ${number(judged(stall))}`).join(', ');
  const raw = Math.max(...seen.map(({ longestMs }) => longestMs));
  const own = seen.every(({ ownMs }) => ownMs !== null);
  return {
    subject: own ? 'longest event-loop stall of its own' : 'longest event-loop stall', against: '', promise: 'none', unit: 'ms', better: 'lower', floor: 50, goal: 20,
    rounds: [Math.max(...seen.map(judged))], note: `${note}; with the time the machine ran others ${number(raw)}, idle ${number(idle.longestMs)}`,
  };
}

/** The longest stall of the event loop over all scenarios that ran, and that of the idle machine beside it. */
import { number, type Figure } from './figure.ts';
import { watchingStalls } from './measure.ts';

const seen: { readonly where: string; readonly ms: number }[] = [];

/** Runs engine work under the watch. Plain loops, which block on purpose, must stay outside. */
export async function watched<T>(where: string, work: () => Promise<T>): Promise<T> {
  const { result, longestMs } = await watchingStalls(work);
  seen.push({ where, ms: longestMs });
  return result;
}

export async function stallFigure(): Promise<Figure | null> {
  if (seen.length === 0) return null;
  const idle = await watchingStalls(() => new Promise((resolve) => setTimeout(resolve, 1000)));
  const longest = new Map<string, number>();
  for (const { where, ms } of seen) longest.set(where, Math.max(longest.get(where) ?? 0, ms));
  const note = [...longest].sort((a, b) => b[1] - a[1]).map(([where, ms]) => `${where} ${number(ms)}`).join(', ');
  return {
    subject: 'longest event-loop stall', against: '', promise: 'none', unit: 'ms', better: 'lower', floor: 50, goal: 20,
    rounds: [Math.max(...longest.values())], note: `${note}; idle ${number(idle.longestMs)}`,
  };
}

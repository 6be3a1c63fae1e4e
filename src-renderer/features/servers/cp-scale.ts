/** Steps of a scale that people read without thinking. */
const STEPS = [1, 2, 5, 10];

/** The next 1, 2 or 5 times a power of ten. */
export function niceTop(value: number): number {
  const least = Math.max(1, value);
  const power = 10 ** Math.floor(Math.log10(least));
  return (STEPS.find((step) => step * power >= least) ?? 10) * power;
}

/**
 * Top of the scale of a timeline. One point that took a hundred times longer than the others must not flatten them all: it
 * is clipped, drawn as such, and its figure is in words and table. Milliseconds.
 */
export function scaleTopMs(durationsMs: readonly number[]): number {
  const sorted = [...durationsMs].sort((a, b) => a - b);
  const longest = sorted.at(-1) ?? 1;
  const median = sorted[Math.floor(sorted.length / 2)] ?? 1;
  const usual = Math.max(median * 3, sorted[Math.floor(sorted.length * 0.9)] ?? 1);
  return niceTop(longest > usual * 2 ? usual : longest);
}

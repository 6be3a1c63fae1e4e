/** Five tones, spoken the same everywhere. A tone never stands alone: text and icon say the same. */
export type Tone = 'ok' | 'busy' | 'warn' | 'bad' | 'idle';

const worst: readonly Tone[] = ['idle', 'ok', 'busy', 'warn', 'bad'];

export function worstTone(tones: readonly Tone[]): Tone {
  return tones.reduce<Tone>((found, tone) => (worst.indexOf(tone) > worst.indexOf(found) ? tone : found), 'idle');
}

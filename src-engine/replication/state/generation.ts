/** Ids of a copy's generation: the present one, the one since which marks are kept, and the earlier ones, newest first. '' is none. */
export interface Generation {
  readonly current: string;
  readonly bitmap: string;
  readonly history: readonly string[];
}

const MAXIMUM_HISTORY = 16;

/** The next generation is opened: the present one becomes the bitmap's id and goes into the history. */
export function openGeneration(generation: Generation, next: string): Generation {
  const history = generation.current === '' ? generation.history : [generation.current, ...generation.history].slice(0, MAXIMUM_HISTORY);
  return { current: next, bitmap: generation.bitmap === '' ? generation.current : generation.bitmap, history };
}

/** The target of a finished sync takes over the source's ids; nobody keeps marks any more. */
export function adoptGeneration(source: Generation): Generation {
  return { current: source.current, bitmap: '', history: source.history };
}

/**
 * A copy gives up what it wrote on its own: it stands again where its marks began. They still name all that differs, and
 * nobody takes the discarded writes for a fork a second time.
 */
export function disownGeneration(generation: Generation): Generation {
  if (generation.bitmap === '') return generation;
  const at = generation.history.indexOf(generation.bitmap);
  return { current: generation.bitmap, bitmap: '', history: at < 0 ? generation.history : generation.history.slice(at + 1) };
}

/** A copy was overwritten with another one's content: it descends from that one, under an id of its own. */
export function descendFrom(other: Generation, own: Generation, id: string): Generation {
  const history = [other.current, ...other.history, own.current].filter((each) => each !== '').slice(0, MAXIMUM_HISTORY);
  return { current: id, bitmap: other.current, history };
}

/** Who wrote on its own since both copies were last equal, told by generation ids. */
export type Writers = 'nobody' | 'this' | 'peer' | 'both' | 'unrelated';

export function writersOf(mine: Generation, theirs: Generation): Writers {
  if (mine.current === theirs.current) return 'nobody';
  if (mine.current === '' || theirs.current === '') return 'nobody';
  const minePast = [mine.bitmap, ...mine.history];
  const theirPast = [theirs.bitmap, ...theirs.history];
  const [mineDescends, theirsDescends] = [minePast.includes(theirs.current), theirPast.includes(mine.current)];
  // Each in the other's past: damaged histories, nobody may be believed.
  if (mineDescends && theirsDescends) return 'both';
  if (mineDescends) return 'this';
  if (theirsDescends) return 'peer';
  if (minePast.some((id) => id !== '' && theirPast.includes(id))) return 'both';
  return 'unrelated';
}

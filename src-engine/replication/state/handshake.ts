/**
 * What two sides of a relationship do when they meet: replication.md 3.7. Pure and symmetric: both sides evaluate it on
 * the same two descriptions and reach mirrored decisions. Ids and marks decide about data, the role epoch about roles.
 */
import { refuse } from './refusals.ts';
import type { ImageState, MirrorAction, Refusal } from './types.ts';

export interface HandshakeSide {
  readonly home: 'source' | 'destination';
  readonly role: 'primary' | 'secondary';
  readonly roleEpoch: number;
  /** Generation ids; '' is empty. */
  readonly generation: { readonly current: string; readonly bitmap: string; readonly history: readonly string[] };
  /** Regions this side has marked, for whatever reason (owed, unshared, cut, kept). */
  readonly marks: number;
  /** It was primary when it went down and has not yet proven what the other side holds. */
  readonly crashedPrimary: boolean;
  /** Promoted by force, not resynchronized since. */
  readonly forced: boolean;
  readonly fracturedByAdmin: boolean;
  /** State of the secondary's image as this side knows it. */
  readonly image: ImageState;
}

export type Who = 'mine' | 'theirs';

export interface Roles {
  /** Null: nobody may accept host writes until an administrator has decided. */
  readonly primary: Who | null;
  /** The side that has to give up the primary role. */
  readonly demote: Who | null;
}

export type Decision =
  | { readonly kind: 'not-established'; readonly roles: Roles; readonly offered: readonly MirrorAction[] }
  | { readonly kind: 'in-sync'; readonly roles: Roles }
  | {
      /**
       * `full`: all regions. `marked`: the union of both sides' marks. `finish`: the same, of a sync that one side
       * already calls finished. `compare`: the marks of the newer side do not reach back far enough, all is compared.
       */
      readonly kind: 'sync';
      readonly extent: 'full' | 'marked' | 'finish' | 'compare';
      readonly source: Who;
      readonly roles: Roles;
      /** Starts by itself; otherwise it waits for `offered`. */
      readonly automatic: boolean;
      readonly waitingFor: string;
      readonly offered: readonly MirrorAction[];
    }
  | {
      readonly kind: 'diverged';
      readonly parent: 'same' | 'older';
      readonly roles: Roles;
      readonly refusal: Refusal;
      readonly offered: readonly MirrorAction[];
    }
  | {
      readonly kind: 'unrelated';
      readonly roles: Roles;
      readonly refusal: Refusal;
      readonly offered: readonly MirrorAction[];
    };

export function decideHandshake(
  mine: HandshakeSide,
  theirs: HandshakeSide,
  recovery: 'automatic' | 'manual' = 'automatic',
): Decision {
  const roles = decideRoles(mine, theirs);
  const m = mine.generation;
  const t = theirs.generation;
  if (m.current === '' && t.current === '') return { kind: 'not-established', roles, offered: ['establish'] };
  if (m.current === '' || t.current === '') {
    const source: Who = m.current === '' ? 'theirs' : 'mine';
    const begun = mine.image !== 'NotEstablished' || theirs.image !== 'NotEstablished';
    return sync('full', source, roles, mine, theirs, recovery, begun ? '' : 'a first full sync has to be asked for');
  }
  if (m.current === t.current) return sameGeneration(mine, theirs, roles, recovery);
  const mineDescends = m.bitmap === t.current;
  const theirsDescends = t.bitmap === m.current;
  if (mineDescends && !theirsDescends) return sync('marked', 'mine', roles, mine, theirs, recovery);
  if (theirsDescends && !mineDescends) return sync('marked', 'theirs', roles, mine, theirs, recovery);
  const theyDescend = t.history.includes(m.current);
  const iDescend = m.history.includes(t.current);
  if (theyDescend && !iDescend) return sync('compare', 'theirs', roles, mine, theirs, recovery);
  if (iDescend && !theyDescend) return sync('compare', 'mine', roles, mine, theirs, recovery);
  const refusal = refuse('R11');
  if (m.bitmap !== '' && m.bitmap === t.bitmap) {
    return { kind: 'diverged', parent: 'same', roles, refusal, offered: ['resolve'] };
  }
  const known = new Set([m.current, m.bitmap, ...m.history].filter((id) => id !== ''));
  if ([t.current, t.bitmap, ...t.history].some((id) => known.has(id))) {
    return { kind: 'diverged', parent: 'older', roles, refusal, offered: ['resolve'] };
  }
  return { kind: 'unrelated', roles, refusal: refuse('R12'), offered: ['establish'] };
}

function decideRoles(mine: HandshakeSide, theirs: HandshakeSide): Roles {
  const claims = (side: HandshakeSide): boolean => side.role === 'primary';
  if (claims(mine) && claims(theirs)) {
    if (mine.roleEpoch === theirs.roleEpoch) return { primary: null, demote: null };
    return mine.roleEpoch > theirs.roleEpoch
      ? { primary: 'mine', demote: 'theirs' }
      : { primary: 'theirs', demote: 'mine' };
  }
  if (!claims(mine) && !claims(theirs)) return { primary: null, demote: null };
  const claimant: Who = claims(mine) ? 'mine' : 'theirs';
  const claimantEpoch = claims(mine) ? mine.roleEpoch : theirs.roleEpoch;
  const otherEpoch = claims(mine) ? theirs.roleEpoch : mine.roleEpoch;
  // A role that was given up under a higher epoch is not taken back by who missed it.
  return claimantEpoch >= otherEpoch ? { primary: claimant, demote: null } : { primary: null, demote: claimant };
}

function sameGeneration(
  mine: HandshakeSide,
  theirs: HandshakeSide,
  roles: Roles,
  recovery: 'automatic' | 'manual',
): Decision {
  const sides = [mine, theirs];
  const marked = sides.some((side) => side.marks > 0 || side.crashedPrimary);
  const tracked = sides.filter((side) => side.generation.bitmap !== '').length;
  const unusable = sides.some((side) => side.image === 'OutOfSync' || side.image === 'Synchronizing');
  const forced = sides.some((side) => side.forced);
  const byAdmin = sides.some((side) => side.fracturedByAdmin);
  if (!marked && tracked === 0 && !unusable && !forced && !byAdmin) return { kind: 'in-sync', roles };
  const source: Who = roles.primary ?? (mine.home === 'source' ? 'mine' : 'theirs');
  return sync(tracked === 1 ? 'finish' : 'marked', source, roles, mine, theirs, recovery);
}

function sync(
  extent: 'full' | 'marked' | 'finish' | 'compare',
  source: Who,
  roles: Roles,
  mine: HandshakeSide,
  theirs: HandshakeSide,
  recovery: 'automatic' | 'manual',
  reason = '',
): Decision {
  const from = source === 'mine' ? mine : theirs;
  const reversed = from.home === 'destination';
  const regular: MirrorAction = extent === 'full' ? 'establish' : reversed ? 'reverse-resync' : 'resync';
  const base = { kind: 'sync', extent, source, roles } as const;
  const waits = (waitingFor: string, ...offered: readonly MirrorAction[]): Decision => ({
    ...base,
    automatic: false,
    waitingFor,
    offered,
  });
  if (roles.primary !== null && roles.primary !== source) {
    return waits('the side that wrote is not the primary', 'overwrite-primary');
  }
  if (roles.primary === null) return waits('no side may be primary', 'switchover', regular);
  if (mine.forced || theirs.forced) return waits('after a forced promotion a resync has to be asked for', regular);
  if (reason !== '') return waits(reason, regular);
  if (mine.fracturedByAdmin || theirs.fracturedByAdmin) return waits('fractured by an administrator', regular);
  if (recovery === 'manual') return waits('recovery policy manual', regular);
  return { ...base, automatic: true, waitingFor: '', offered: [regular] };
}

/** The same decision as the other side sees it. */
export function mirrored(decision: Decision): Decision {
  const roles = { primary: flip(decision.roles.primary), demote: flip(decision.roles.demote) };
  if (decision.kind === 'sync') return { ...decision, roles, source: decision.source === 'mine' ? 'theirs' : 'mine' };
  return { ...decision, roles };
}

function flip(who: Who | null): Who | null {
  if (who === null) return null;
  return who === 'mine' ? 'theirs' : 'mine';
}

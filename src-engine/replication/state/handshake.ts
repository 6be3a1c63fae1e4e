/**
 * What one side of a relationship does when it has met the other: replication.md 3.7 and 3.14 as one pure function. Each
 * side asks it for itself; generation ids and marks decide about data, the role epoch about roles. The primary drives,
 * the secondary answers, and the side that has to give way does so before any byte moves.
 */
import { writersOf, type Generation, type Writers } from './generation.ts';
import type { ImageState, MirrorAction } from './types.ts';

/** What a side tells the other of itself. */
export interface HandshakePeer {
  readonly role: 'primary' | 'secondary';
  readonly roleEpoch: number;
  readonly image: ImageState;
  readonly generation: Generation;
  /** Promoted by force, not resynchronized since. */
  readonly forced: boolean;
  /** Regions it wrote alone, and regions of log entries it applied alone. */
  readonly markedRegions: number;
  readonly keptRegions: number;
  /** It holds everything through this record of the log that `position` names. */
  readonly held: number;
  readonly position: { readonly logId: string; readonly sequence: number } | null;
  /** CP number of its present root. */
  readonly rootCp: number;
  /** False while it still applies what it held when the connection ended. */
  readonly settled: boolean;
}

/** What a side knows of itself. */
export interface HandshakeSelf {
  readonly home: 'source' | 'destination';
  readonly role: 'primary' | 'secondary';
  readonly roleEpoch: number;
  readonly image: ImageState;
  readonly generation: Generation;
  readonly forced: boolean;
  /** Gave up being primary in a planned swap; the peer has not confirmed that it took over. */
  readonly handingOver: boolean;
  /** Decides only when nothing else does: of two equal claims the smaller server id keeps the role. */
  readonly smallerId: boolean;
  readonly recovery: 'automatic' | 'manual';
  /** What set the pair apart, as far as this side knows. */
  readonly fracture: 'admin' | 'system' | null;
  /** An interrupted sync that is to be finished. */
  readonly resync: 'full' | 'update' | 'reverse' | 'overwrite-primary' | null;
  /** In the stream already, on the way into or out of it, or a sync runs: nothing is to be decided. */
  readonly engaged: boolean;
  /** Acknowledged records of this volume were lost, and no admin has looked yet. */
  readonly nvFailed: boolean;
  /** No host has been served since the start. */
  readonly untouched: boolean;
  /** What the peer holds was taken into account: entries taken over, records of the own log settled. */
  readonly proven: boolean;
  readonly markedRegions: number;
  readonly logId: string;
  /** Ends of earlier incarnations of the own log that no handshake has passed yet. */
  readonly ends: readonly { readonly last: number; readonly next: number }[];
  /** The peer confirmed this much before it left the stream. */
  readonly confirmedThrough: number;
  /** The peer's CP number at which both contents were last equal; null when they never were. */
  readonly peerBaseCp: number | null;
}

export type HandshakeStep =
  /** Nothing to do: the other side acts, or it is done. */
  | { readonly kind: 'none'; readonly because: string }
  /** A secondary learns of a newer primary. */
  | { readonly kind: 'adopt-epoch' }
  /** The second half of a planned swap is asked for again. */
  | { readonly kind: 'hand-over' }
  /** Both copies changed on their own; no byte moves before an administrator has chosen. */
  | { readonly kind: 'diverge'; readonly writers: Writers }
  /** Gives way to the other primary. */
  | { readonly kind: 'demote'; readonly writers: Writers }
  /** Find out what the secondary holds, then ask again. `takeKept`: take over entries that only it holds. */
  | { readonly kind: 'prove'; readonly takeKept: boolean }
  /** Back into the stream: equal but for records that are sent again. */
  | { readonly kind: 'rejoin' }
  | { readonly kind: 'sync'; readonly extent: 'full' | 'update'; readonly outdate: boolean }
  /** An administrator has to ask for one of `offered`. `part`: hosts need not wait for that, the copies part durably. */
  | { readonly kind: 'wait'; readonly cause: string; readonly offered: readonly MirrorAction[]; readonly part: boolean };

const none = (because: string): HandshakeStep => ({ kind: 'none', because });

export function decideHandshake(mine: HandshakeSelf, theirs: HandshakePeer): HandshakeStep {
  if (mine.role === 'primary' && theirs.role === 'primary') return twoPrimaries(mine, theirs);
  if (mine.role === 'secondary' && theirs.role === 'primary') {
    if (theirs.roleEpoch > mine.roleEpoch) return { kind: 'adopt-epoch' };
    return forked(mine, theirs) ?? none('the primary drives');
  }
  if (mine.role === 'secondary') {
    // A crash between the two halves of a swap leaves no primary, and is resolved by running the second half again (3.14).
    const resumes = mine.handingOver && mine.roleEpoch === theirs.roleEpoch && theirs.settled;
    return resumes ? { kind: 'hand-over' } : none('no side is primary');
  }
  if (theirs.roleEpoch !== mine.roleEpoch) return none('the secondary has yet to learn of this role epoch');
  if (!theirs.settled) return none('the secondary applies what it held');
  return serve(mine, theirs);
}

function twoPrimaries(mine: HandshakeSelf, theirs: HandshakePeer): HandshakeStep {
  const writers = writersOf(mine.generation, theirs.generation);
  if (writers === 'both' || writers === 'unrelated') return diverge(mine, writers);
  if (mine.image === 'Diverged' || theirs.image === 'Diverged') return none('an administrator chooses which copy survives');
  return yields(mine, theirs, writers) ? { kind: 'demote', writers } : none('the other primary gives way');
}

/**
 * The higher role epoch stays. A planned promotion that arrived late and a forced one can end with the same epoch: then
 * the side that wrote stays, then the one that was forced, because an administrator said so last.
 */
function yields(mine: HandshakeSelf, theirs: HandshakePeer, writers: Writers): boolean {
  if (mine.roleEpoch !== theirs.roleEpoch) return theirs.roleEpoch > mine.roleEpoch;
  if (writers !== 'nobody') return writers === 'peer';
  if (mine.forced !== theirs.forced) return theirs.forced;
  return !mine.smallerId;
}

function diverge(mine: HandshakeSelf, writers: Writers): HandshakeStep {
  return mine.image === 'Diverged' ? none('an administrator chooses which copy survives') : { kind: 'diverge', writers };
}

/** A secondary that wrote alone before it gave way, under a primary that has written since: a split brain all the same. */
function forked(mine: HandshakeSelf, theirs: HandshakePeer): HandshakeStep | null {
  if (mine.resync === 'overwrite-primary' || mixed(mine, theirs)) return null;
  const writers = writersOf(mine.generation, theirs.generation);
  return writers === 'both' || writers === 'unrelated' ? diverge(mine, writers) : null;
}

/** A sync of one over the other runs or was broken off: it was asked for, and says already whose writes go. */
function mixed(mine: HandshakeSelf, theirs: HandshakePeer): boolean {
  return [mine.image, theirs.image].some((image) => image === 'Synchronizing' || image === 'OutOfSync');
}

function serve(mine: HandshakeSelf, theirs: HandshakePeer): HandshakeStep {
  if (mine.engaged) return none('in the stream, or on the way');
  if (mine.nvFailed) return none('an administrator has to inspect the volume');
  // An interrupted sync over the primary is finished (or rolled back) first; nothing flows the other way (V5).
  if (mine.resync === 'overwrite-primary') return none('an interrupted sync over the primary is finished first');
  const fork = forked(mine, theirs);
  if (fork !== null) return fork;
  if (mine.image === 'Diverged' || theirs.image === 'Diverged') return none('an administrator chooses which copy survives');
  if (!mine.proven) return { kind: 'prove', takeKept: takesKept(mine, theirs) };
  if (mine.image === 'NotEstablished') return { kind: 'sync', extent: 'full', outdate: false };
  const forward: MirrorAction = mine.home === 'source' ? 'resync' : 'reverse-resync';
  const wait = (cause: string, part: boolean, ...offered: readonly MirrorAction[]): HandshakeStep => ({ kind: 'wait', cause, offered, part });
  if (!mixed(mine, theirs) && writersOf(mine.generation, theirs.generation) === 'peer') return wait('only the other side wrote', false, 'overwrite-primary', forward);
  if (mine.fracture === 'admin') return wait('fractured by an administrator', false, forward);
  if (mine.forced) return wait('after a forced promotion a resync has to be asked for', false, forward);
  const unfractured = mine.fracture === null && mine.image !== 'OutOfSync' && mine.image !== 'Synchronizing';
  if (unfractured && isClean(mine, theirs)) return { kind: 'rejoin' };
  // A sync that a restart interrupted goes on; otherwise nothing starts by itself.
  if (mine.recovery === 'manual' && mine.resync === null) return wait('recovery policy manual', unfractured, forward);
  return { kind: 'sync', extent: 'update', outdate: mine.image === 'Consistent' || mine.image === 'Synchronized' };
}

/**
 * Both contents are equal but for records of this log that are sent again (3.12, 3 and 4): no marks on either side, the
 * image no older than the last common point, no generation opened, and everything the secondary applied is in this log.
 */
function isClean(mine: HandshakeSelf, theirs: HandshakePeer): boolean {
  if (mine.peerBaseCp !== null && theirs.rootCp < mine.peerBaseCp) return false;
  if (mine.markedRegions > 0 || theirs.markedRegions > 0) return false;
  if (mine.generation.current !== theirs.generation.current) return false;
  if (theirs.image !== 'Synchronized' && theirs.image !== 'Consistent' && theirs.image !== 'Outdated') return false;
  const sameLog = theirs.position?.logId === mine.logId;
  if (beyondEnd(mine, theirs) || (theirs.keptRegions > 0 && !sameLog)) return false;
  if (heldOf(mine, theirs) < mine.confirmedThrough) return false;
  return theirs.position === null || sameLog || mine.image === 'Synchronized';
}

/**
 * The destination holds entries beyond the end of this log (its last batch was damaged here): they may have been
 * acknowledged. A primary that has accepted no write since takes them over (3.12, 4). An image in the middle of a sync is
 * older than this side; only one that was in sync can hold what is missing here.
 */
function takesKept(mine: HandshakeSelf, theirs: HandshakePeer): boolean {
  if (!beyondEnd(mine, theirs) || theirs.keptRegions === 0 || !mine.untouched || mine.fracture !== null) return false;
  return mine.image === 'Synchronized' && (theirs.image === 'Synchronized' || theirs.image === 'Consistent');
}

/** Entries of a dead incarnation, beyond the end of this server's log: nobody here has them. */
function beyondEnd(mine: HandshakeSelf, theirs: HandshakePeer): boolean {
  return theirs.position?.logId === mine.logId && mine.ends.some((end) => theirs.held > end.last && theirs.held < end.next);
}

/** The highest record of this side's log that the peer says to hold. */
export function heldOf(mine: Pick<HandshakeSelf, 'logId'>, theirs: HandshakePeer): number {
  if (theirs.position?.logId !== mine.logId) return 0;
  return Math.max(theirs.held, theirs.position.sequence);
}

/** The same, proven: an image that is a mixture proves nothing; neither does a position in another log. */
export function provenHeld(mine: Pick<HandshakeSelf, 'logId'>, theirs: HandshakePeer): number {
  if (theirs.image === 'OutOfSync' || theirs.image === 'Synchronizing' || theirs.image === 'NotEstablished') return 0;
  return heldOf(mine, theirs);
}

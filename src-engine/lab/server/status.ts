import type { Pool, Problem } from '../../pool/index.ts';
import type { Relationship } from '../../replication/index.ts';
import type { LoggedVolume } from '../../volume/index.ts';
import type { Holdings } from './holdings.ts';
import type { PoolStatus, ServerStatus, StorageServerFace, VolumeStatus } from './types.ts';

/** What a server says of itself: plain values made from what it holds, nothing is changed. */
export function serverStatus(held: Holdings, backToBackSinceMs: number | null): ServerStatus {
  return {
    id: held.deps.id,
    state: held.state,
    incarnation: held.log?.incarnation ?? 0,
    log: held.log?.fill() ?? { active: 0, halves: [] },
    cps: held.points?.history() ?? [],
    backToBackSinceMs,
    peers: held.replication?.peerStates() ?? [],
    pools: [...held.pools.values()].map(({ pool }) => poolStatus(pool)),
  };
}

export function volumeStatuses(held: Holdings): readonly VolumeStatus[] {
  return [...held.volumes.values()].map((volume) => {
    const rel = held.relationshipOfVolume(volume.id);
    return {
      id: volume.id,
      name: volume.record.name,
      poolId: held.poolIdOf.get(volume.id) ?? '',
      sizeBytes: volume.sizeBytes,
      usedBytes: volume.record.usedBlocks * 4096,
      ...volumeState(volume, rel),
      cp: volume.record.cp,
      sequence: rel?.record.role === 'secondary' ? rel.imageSequence : volume.lastSequence,
      relationshipId: rel?.id ?? null,
      counters: { ...volume.counters },
    };
  });
}

function volumeState(volume: LoggedVolume, rel: Relationship | undefined): Pick<VolumeStatus, 'state' | 'stateReason'> {
  const gate = volume.gate;
  if (rel?.record.role === 'secondary')
    return {
      state: rel.record.fenced ? 'fenced' : 'secondary',
      stateReason: gate.kind === 'closed' ? gate.message : null,
    };
  if (gate.kind === 'open') return { state: 'online', stateReason: null };
  if (gate.kind === 'held') return { state: 'waiting', stateReason: gate.reason };
  return { state: gate.code === 'volume/suspended' ? 'suspended' : 'offline', stateReason: gate.message };
}

function poolStatus(pool: Pool): PoolStatus {
  const { totalBlocks, usedBlocks, freeBlocks } = pool.capacity();
  return {
    id: pool.id,
    name: pool.name,
    label: pool.lastLabel,
    totalBytes: totalBlocks * 4096,
    usedBytes: usedBlocks * 4096,
    freeBytes: freeBlocks * 4096,
    state: pool.state,
  };
}

/** Every pool proved on its committed roots, problems in words of files and offsets. */
export async function checkPools(held: Holdings, repair: boolean): ReturnType<StorageServerFace['check']> {
  const problems: Awaited<ReturnType<StorageServerFace['check']>>[number][] = [];
  for (const { pool, handle } of held.pools.values()) {
    const array = `arrays/${held.deps.nameOf(handle.arrayId)}`;
    for (const { kind, where, message, place, repaired } of await pool.check({ repair })) {
      problems.push({
        file: place === undefined ? array : `${array}/disk-${String(place.slot)}.img`,
        offset: place?.offset ?? null,
        expected: EXPECTED[kind],
        found: `pool ${pool.name}, ${where}: ${message}`,
        repaired: repaired ?? false,
      });
    }
  }
  return problems;
}

const EXPECTED: Readonly<Record<Problem['kind'], string>> = {
  checksum: 'a block that matches the checksum in its pointer',
  parity: 'parity and copies that agree with the data',
  leak: 'every allocated block in use',
  unallocated: 'every used block allocated',
  'double-use': 'every block used once',
  label: 'the space map that the label names',
  deadlist: 'deadlists that hold superseded blocks only',
  'out-of-range': 'pointers inside the pool',
  count: 'a count of the mapped blocks that is right',
};

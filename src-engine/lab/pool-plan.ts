/** Which disks a new pool would bind, and what they would give: for its creation and for the preview of it. */
import type { ArrayPreview, CapacityPreview, PoolPreview, RaidLevel, Refusal } from '../contract/index.ts';
import { blankCapacity } from '../pool/index.ts';
import { minimumMembers, redundancyOf } from '../raid/index.ts';
import { refuseWithoutRoom } from './arrays.ts';
import { Refused, refuse } from './refused.ts';
import type { ServerUnit } from './server-unit.ts';
import type { ArrayRecord, ServerRecord, Topology } from './topology.ts';

const BLOCK = 4096;
/** Of every pool. */
export const UNIT_BLOCKS = 16;
const LEVELS: readonly RaidLevel[] = ['raid0', 'raid1', 'raid10', 'raid5', 'raid6'];

export interface PoolPlanEnvironment {
  readonly topology: Topology;
  readonly unitOf: (serverId: string) => ServerUnit;
  /** Of the file system that holds the images; infinite when unknown. */
  readonly freeBytes: () => Promise<number>;
}

/** The slots that a new pool would bind; refuses what cannot be bound. */
export function chosenSlots(
  topology: Topology,
  array: ArrayRecord,
  level: RaidLevel,
  slots: readonly number[] | undefined,
  owner: ServerRecord | undefined,
): readonly number[] {
  if (owner !== undefined && owner.clusterId !== array.clusterId)
    refuse('pool/foreign-owner', `${owner.name} does not reach ${array.name}.`, 'Name a server of the same cluster.', {
      field: 'owner',
    });
  const used = usedSlots(topology, array);
  const chosen = slots ?? unusedSlots(topology, array);
  const bad = chosen.find((slot, index) => slot >= array.disks || used.has(slot) || chosen.indexOf(slot) !== index);
  if (bad !== undefined)
    refuse(
      'pool/slot-unusable',
      `Slot ${bad} of ${array.name} is not there, named twice, or belongs to a pool.`,
      'Name unused slots.',
      { field: 'slots' },
    );
  refuseTooFew(level, chosen.length);
  return chosen;
}

function usedSlots(topology: Topology, array: ArrayRecord): ReadonlySet<number> {
  const pools = topology.pools.list().filter((pool) => pool.arrayId === array.id);
  return new Set(pools.flatMap((pool) => pool.slots));
}

function unusedSlots(topology: Topology, array: ArrayRecord): readonly number[] {
  const used = usedSlots(topology, array);
  return Array.from({ length: array.disks }, (_, slot) => slot).filter((slot) => !used.has(slot));
}

function isPossible(level: RaidLevel, disks: number): boolean {
  return disks >= minimumMembers(level) && (level !== 'raid10' || disks % 2 === 0);
}

function refuseTooFew(level: RaidLevel, disks: number): void {
  if (isPossible(level, disks)) return;
  refuse(
    'pool/too-few-disks',
    `${level} needs at least ${minimumMembers(level)} disks${level === 'raid10' ? ', an even number' : ''}; ${disks} are named.`,
    'Name more slots, or another level.',
    { field: 'slots' },
  );
}

/** What so many disks of one size give under a level; no usable byte where it cannot be made of them. */
export function capacityOf(level: RaidLevel, disks: number, diskSizeBytes: number): CapacityPreview {
  const blank = isPossible(level, disks)
    ? blankCapacity({ level, disks, unitBlocks: UNIT_BLOCKS, diskSizeBytes })
    : null;
  const rawBytes = disks * diskSizeBytes;
  const usableBytes = (blank?.usableBlocks ?? 0) * BLOCK;
  const redundancyBytes = (blank?.redundancyBlocks ?? 0) * BLOCK;
  return {
    level,
    disks,
    diskSizeBytes,
    minimumDisks: minimumMembers(level),
    evenDisks: level === 'raid10',
    survives: blank === null ? 0 : redundancyOf(level, disks),
    rawBytes,
    usableBytes,
    redundancyBytes,
    overheadBytes: rawBytes - usableBytes - redundancyBytes,
    reserveBytes: (blank?.reserveBlocks ?? 0) * BLOCK,
  };
}

export interface PoolPreviewRequest {
  readonly level: RaidLevel;
  readonly array?: string | undefined;
  readonly slots?: readonly number[] | undefined;
  readonly disks?: number | undefined;
  readonly diskSizeBytes?: number | undefined;
  readonly name?: string | undefined;
  readonly owner?: string | undefined;
}

/** Refuses only what it cannot compute with; what creation would refuse is its answer. */
export function previewPool({ topology, unitOf }: PoolPlanEnvironment, request: PoolPreviewRequest): PoolPreview {
  const { level } = request;
  const array = request.array === undefined ? undefined : topology.arrays.find(request.array);
  const diskSizeBytes = array?.diskSizeBytes ?? request.diskSizeBytes;
  if (diskSizeBytes === undefined || (array === undefined && request.disks === undefined))
    refuse(
      'pool/nothing-to-preview',
      'Neither an array nor disks were named.',
      'Name an array, or disks and their size.',
      {
        field: 'array',
      },
    );
  const slots = array === undefined ? [] : (request.slots ?? unusedSlots(topology, array));
  const disks = array === undefined ? (request.disks ?? 0) : new Set(slots).size;
  const refusal = refusalOfCheck(() => {
    if (request.name !== undefined) topology.pools.checkName(request.name);
    const owner = request.owner === undefined ? undefined : topology.servers.find(request.owner);
    if (array === undefined) refuseTooFew(level, disks);
    else chosenSlots(topology, array, level, request.slots, owner);
    if (owner !== undefined) unitOf(owner.id).need();
  });
  const given = request.slots === undefined ? '' : ` --slots ${request.slots.join(',')}`;
  return {
    ...capacityOf(level, disks, diskSizeBytes),
    slots: [...slots],
    ...verdict(refusal),
    command: `lockstep pool create ${request.name ?? 'NAME'} --array ${array?.name ?? 'ARRAY'} --level ${level} --owner ${request.owner ?? 'SERVER'}${given}`,
  };
}

export interface ArrayPreviewRequest {
  readonly disks: number;
  readonly diskSizeBytes: number;
  readonly name?: string | undefined;
  readonly cluster?: string | undefined;
}

export async function previewArray(
  environment: PoolPlanEnvironment,
  request: ArrayPreviewRequest,
): Promise<ArrayPreview> {
  const { topology, unitOf } = environment;
  const { disks, diskSizeBytes } = request;
  const freeBytes = await environment.freeBytes();
  const cluster = request.cluster === undefined ? undefined : topology.clusters.find(request.cluster);
  const refusal = refusalOfCheck(() => {
    if (request.name !== undefined) topology.arrays.checkName(request.name);
    refuseWithoutRoom(freeBytes);
  });
  return {
    ...verdict(refusal),
    rawBytes: disks * diskSizeBytes,
    hostFreeBytes: Number.isFinite(freeBytes) ? Math.max(0, Math.floor(freeBytes)) : null,
    restarts: topology.servers
      .list()
      .filter((server) => server.clusterId === cluster?.id && unitOf(server.id).state === 'up')
      .map((server) => server.name),
    levels: LEVELS.map((level) => capacityOf(level, disks, diskSizeBytes)),
    command: `lockstep array create ${request.name ?? 'NAME'} --cluster ${cluster?.name ?? 'CLUSTER'} --disks ${disks} --disk-size ${diskSizeBytes}`,
  };
}

/** What a check says no to; null where it does not. */
export function refusalOfCheck(check: () => void): Refusal | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

export function verdict(refusal: Refusal | null): { allowed: boolean; refusal: Refusal | null } {
  return { allowed: refusal === null, refusal };
}

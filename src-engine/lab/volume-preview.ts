/** What growing or deleting a volume would do, and its map: asking changes nothing. */
import { MAP_CELLS, type VolumeMap, type VolumePreview } from '../contract/index.ts';
import { instant } from './instant.ts';
import type { Lab } from './lab.ts';
import { refusalOfCheck, verdict } from './pool-plan.ts';
import { refuse } from './refused.ts';
import type { VolumeRecord } from './topology.ts';

const BLOCK = 4096;

export function previewVolume(
  lab: Lab,
  volume: VolumeRecord,
  action: 'grow' | 'delete',
  sizeBytes: number | undefined,
): VolumePreview {
  const { topology, volumes, views, jobs } = lab;
  const mirror = topology.mirrorOfVolume(volume.id);
  const status = volumes.status(volume);
  const pool = topology.pools.get(volume.poolId);
  const wanted = action === 'grow' ? sizeBytes : 0;
  if (wanted === undefined)
    refuse('volume/size-required', 'To grow, a size has to be named.', 'Name a size.', { field: 'sizeBytes' });
  const refusal = refusalOfCheck(() => {
    if (action === 'grow') {
      volumes.refuseShrinking(volume, wanted);
      const connected = mirror === undefined || lab.mirrors.view(mirror).leading?.connected === true;
      if (!connected)
        refuse(
          'R05',
          `${mirror.name} is not connected.`,
          'A mirrored volume grows on both sides: restore the connection.',
        );
    } else volumes.refuseWhileInUse(volume);
    volumes.unit(volume).need();
  });
  const sides =
    action === 'grow' && mirror !== undefined
      ? [mirror.sourceVolumeId, mirror.destinationVolumeId].map((id) => topology.volumes.get(id))
      : [volume];
  const affects = sides.map((one) => ({
    volume: one.name,
    site: topology.siteOfVolume(one).name,
    fromBytes: one.sizeBytes,
    toBytes: action === 'grow' ? Math.max(one.sizeBytes, wanted) : 0,
  }));
  return {
    action,
    ...verdict(refusal),
    needsConfirmation: action === 'delete',
    steps: action === 'grow' ? growing(affects.length) : DELETING,
    users: [...volumes.present(volume).users, ...jobs.running(`volume/${volume.name}`).map((job) => `job ${job.kind}`)],
    mirror: mirror?.name ?? null,
    affects,
    freedBytes: action === 'delete' ? (status?.usedBytes ?? 0) : 0,
    poolFreeBytes: views.poolStatus(pool)?.freeBytes ?? null,
    command:
      action === 'grow'
        ? `lockstep volume grow ${volume.name} --size ${wanted}`
        : `lockstep volume delete ${volume.name} --yes`,
  };
}

const DELETING = [
  'Hosts are refused from then on.',
  'A last consistency point is taken, then the volume leaves its pool with all roots kept of it; its blocks are free.',
  'The ledger of what was acknowledged is removed with it.',
];

function growing(sides: number): string[] {
  return [
    ...(sides > 1
      ? ['The destination grows first, then the source, each with a durable label; the marks grow with them.']
      : []),
    'Hosts go on; the new stretch reads as zeros and takes no room until it is written.',
  ];
}

export async function mapVolume(lab: Lab, volume: VolumeRecord, cells = 256): Promise<VolumeMap> {
  const map = await lab.volumes.unit(volume).ask((face) => face.volumeMap(volume.id, Math.min(cells, MAP_CELLS)));
  const sizeOf = (cell: number): number => Math.min(map.cellBlocks, map.sizeBlocks - cell * map.cellBlocks);
  const shares = (blocks: readonly number[]): number[] =>
    blocks.map((count, cell) =>
      Math.min(1, Math.round((1000 * count) / sizeOf(cell)) / 1000 || (count > 0 ? 0.001 : 0)),
    );
  const bytes = (blocks: readonly number[]): number => blocks.reduce((sum, count) => sum + count, 0) * BLOCK;
  return {
    volume: volume.name,
    sizeBytes: map.sizeBlocks * BLOCK,
    cellBytes: map.cellBlocks * BLOCK,
    cp: map.cp,
    at: instant(lab.clock.wallMs()),
    exact: map.exact,
    mapped: shares(map.mapped),
    dirty: shares(map.dirty),
    fractured: shares(map.fractured),
    shared: shares(map.shared),
    kept: map.kept.map(({ name, purpose, cp, createdAtMs }) => ({ name, purpose, cp, at: instant(createdAtMs) })),
    totals: {
      mappedBytes: bytes(map.mapped),
      dirtyBytes: bytes(map.dirty),
      fracturedBytes: bytes(map.fractured),
      sharedBytes: bytes(map.shared),
    },
  };
}

/** Realistic things of a two-site lab, for tests of the console only. Shapes are checked against the contract by the compiler. */
import {
  DRILL_STEPS,
  MIRROR_ACTIONS,
  type Drill,
  type DrillReport,
  type LabEvent,
  type Live,
  type Mirror,
  type MirrorAction,
  type Refusal,
  type Server,
  type Site,
  type StateMachine,
  type Volume,
} from '../../../src-engine/contract/index.ts';

export const NOW = Date.UTC(2026, 10, 21, 3, 30, 0);
export const iso = (offsetMs = 0): string => new Date(NOW + offsetMs).toISOString();
const MIB = 2 ** 20;
/** Some marks early in the volume, as a hot spot leaves them. */
const heat = (dirty: number): number[] =>
  Array.from({ length: 256 }, (_, at) => (at < 64 ? Math.min(1, dirty / 256) : 0));

const refusals: Record<string, Refusal> = {
  R01: {
    code: 'R01',
    message: 'north-1 is serving this volume now.',
    hint: 'Demote it there, or use planned role swap.',
    overridable: false,
  },
  R04: { code: 'R04', message: 'A resync is running (42 %).', hint: 'Wait, pause or cancel it.', overridable: false },
  R25: { code: 'R25', message: 'No copy exists yet.', hint: 'Run a full sync first.', overridable: false },
  R31: {
    code: 'R31',
    message: 'Copies are equal; use role swap.',
    hint: 'Switch over swaps the roles without loss.',
    overridable: false,
  },
  R32: { code: 'R32', message: 'No sync is running.', hint: 'It is possible while a sync runs.', overridable: false },
  R05: {
    code: 'R05',
    message: 'north-1 has been unreachable since 03:29:12 (site loss).',
    hint: 'Bring the site back first.',
    overridable: false,
  },
  R02: {
    code: 'R02',
    message: '1.2 MB / 48 s of writes would be missing.',
    hint: 'Resync first or use forced promote.',
    overridable: true,
  },
};

export function actions(
  allowed: readonly MirrorAction[],
  because: keyof typeof refusals = 'R31',
  confirm: readonly MirrorAction[] = ['failover', 'establish', 'delete', 'overwrite-primary'],
): Mirror['actions'] {
  const refusal = (action: MirrorAction): Refusal => {
    if (action === 'pause' || action === 'resume') return refusals['R32']!;
    if (action === 'failover' && because === 'R31') return refusals['R01']!;
    return refusals[because]!;
  };
  return MIRROR_ACTIONS.map((action) =>
    allowed.includes(action)
      ? { action, allowed: true, needsConfirmation: confirm.includes(action) }
      : { action, allowed: false, needsConfirmation: confirm.includes(action), refusal: refusal(action) },
  );
}

export function mirror(name: 'payroll' | 'orders', over: Partial<Mirror> = {}): Mirror {
  return {
    id: `mir-${name}`,
    name,
    mode: 'consistency-point',
    policy: 'availability',
    recovery: 'auto',
    imageState: 'Synchronized',
    conditions: [
      {
        code: 'Active',
        since: iso(-480_000),
        cause: 'All acknowledged writes are in both logs.',
        nextStep: null,
        clearedBy: [],
      },
    ],
    direction: 'forward',
    acting: 'north',
    source: { volume: name, site: 'north' },
    destination: { volume: `${name}-copy`, site: 'south' },
    connection: 'connected',
    lag: { writes: 0, bytes: 0, seconds: 0 },
    lastContact: iso(-120),
    lastConsistent: { cp: 1842, at: iso(-900) },
    fractureLog: { regions: name === 'payroll' ? 4096 : 1024, dirty: 0, regionSizeBytes: 65536, heat: [] },
    safetySnapshot: { cp: 12, at: iso(-520_000) },
    sync: null,
    actions: actions(['fracture', 'switchover', 'verify', 'establish', 'delete', 'resync']),
    since: iso(-480_000),
    createdAt: iso(-600_000),
    ...over,
  };
}

export function site(name: 'north' | 'south', over: Partial<Site> = {}): Site {
  return {
    id: `site-${name}`,
    name,
    state: 'up',
    clusters: [name],
    servers: [`${name}-1`],
    arrays: [`${name}-shelf`],
    sizeBytes: (name === 'north' ? 1024 : 768) * MIB,
    usedBytes: (name === 'north' ? 188 : 190) * MIB,
    ...over,
  };
}

export function server(name: 'north-1' | 'south-1', over: Partial<Server> = {}): Server {
  const at = name === 'north-1' ? 'north' : 'south';
  return {
    id: `srv-${name}`,
    name,
    site: at,
    cluster: at,
    state: 'up',
    cause: null,
    health: 'ok',
    heartbeatAgeMs: name === 'north-1' ? 84 : 131,
    incarnation: 1,
    since: iso(-600_000),
    pools: [`${at}-pool`],
    volumes: 2,
    nvlog: {
      halves: [
        { state: 'filling', usedBytes: Math.round((name === 'north-1' ? 11.4 : 2.1) * MIB), sizeBytes: 64 * MIB },
        { state: 'empty', usedBytes: 0, sizeBytes: 64 * MIB },
      ],
      stalled: false,
    },
    cp: {
      committed: name === 'north-1' ? 1842 : 1839,
      running: name === 'north-1' ? { number: 1843, phase: 'sync', startedAt: iso(-40) } : null,
    },
    ...over,
  };
}

export function volume(name: string, over: Partial<Volume> = {}): Volume {
  const copy = name.endsWith('-copy');
  const home = copy ? name.slice(0, -5) : name;
  const at = copy ? 'south' : 'north';
  return {
    id: `vol-${name}`,
    name,
    sizeBytes: (home === 'payroll' ? 256 : 64) * MIB,
    usedBytes: (home === 'payroll' ? 132 : 51) * MIB,
    cluster: at,
    site: at,
    pool: `${at}-pool`,
    owner: `${at}-1`,
    state: copy ? 'secondary' : 'serving',
    cause: null,
    policy: 'availability',
    mirror: home,
    cp: copy ? 1839 : 1842,
    sequence: 401_223,
    createdAt: iso(-600_000),
    users: home === 'orders' && !copy ? ['workload mixed'] : [],
    ...over,
  };
}

export const calm = (): Live => ({
  kind: 'snapshot',
  at: iso(),
  sites: [site('north'), site('south')],
  clusters: [
    { id: 'clu-north', name: 'north', site: 'north', servers: ['north-1'], arrays: ['north-shelf'], health: 'ok' },
    { id: 'clu-south', name: 'south', site: 'south', servers: ['south-1'], arrays: ['south-shelf'], health: 'ok' },
  ],
  servers: [server('north-1'), server('south-1')],
  links: [
    {
      id: 'lnk-1',
      name: 'north-south',
      sites: ['north', 'south'],
      state: 'up',
      latencyMs: 2,
      bandwidthBytesPerSecond: null,
      traffic: { forwardBytesPerSecond: Math.round(1.9 * MIB), backwardBytesPerSecond: 24_000, queuedBytes: 0 },
      since: iso(-600_000),
    },
  ],
  arrays: (['north', 'south'] as const).map((at) => ({
    id: `arr-${at}`,
    name: `${at}-shelf`,
    site: at,
    cluster: at,
    health: 'ok' as const,
    disks: Array.from({ length: at === 'north' ? 6 : 4 }, (_, slot) => ({
      slot,
      state: 'ok' as const,
      sizeBytes: 257 * MIB,
      pool: `${at}-pool`,
    })),
    pools: [`${at}-pool`],
  })),
  pools: [
    {
      id: 'pool-n',
      name: 'north-pool',
      array: 'north-shelf',
      site: 'north',
      cluster: 'north',
      level: 'raid6',
      slots: [0, 1, 2, 3, 4, 5],
      health: 'ok',
      owner: 'north-1',
      epoch: 1,
      cp: 1842,
      sizeBytes: 1024 * MIB,
      usedBytes: 188 * MIB,
      reserveBytes: 40 * MIB,
      freeBytes: 796 * MIB,
      volumes: ['payroll', 'orders'],
    },
    {
      id: 'pool-s',
      name: 'south-pool',
      array: 'south-shelf',
      site: 'south',
      cluster: 'south',
      level: 'raid5',
      slots: [0, 1, 2, 3],
      health: 'ok',
      owner: 'south-1',
      epoch: 1,
      cp: 1839,
      sizeBytes: 768 * MIB,
      usedBytes: 190 * MIB,
      reserveBytes: 30 * MIB,
      freeBytes: 548 * MIB,
      volumes: ['payroll-copy', 'orders-copy'],
    },
  ],
  volumes: ['payroll', 'orders', 'payroll-copy', 'orders-copy'].map((name) => volume(name)),
  mirrors: [mirror('payroll'), mirror('orders')],
  workloads: [
    {
      id: 'wl-1',
      volume: 'orders',
      profile: 'mixed',
      queueDepth: 4,
      ratePerSecond: 200,
      readPercent: 30,
      state: 'running',
      cause: null,
      startedAt: iso(-470_000),
      endedAt: null,
      acknowledgedWrites: 65_812,
      verifiedReads: 28_204,
      failedOperations: 0,
      operationsPerSecond: 199.6,
    },
  ],
  faults: [],
  jobs: [
    {
      id: 'job-1',
      kind: 'mirror/establish',
      subject: 'mirror/payroll',
      state: 'done',
      phase: 'done',
      progress: 1,
      rateBytesPerSecond: null,
      etaSeconds: null,
      canPause: false,
      canCancel: false,
      createdAt: iso(-590_000),
      endedAt: iso(-560_000),
      result: { bytesCopied: 132 * MIB },
      error: null,
    },
    {
      id: 'job-2',
      kind: 'mirror/establish',
      subject: 'mirror/orders',
      state: 'done',
      phase: 'done',
      progress: 1,
      rateBytesPerSecond: null,
      etaSeconds: null,
      canPause: false,
      canCancel: false,
      createdAt: iso(-590_000),
      endedAt: iso(-555_000),
      result: { bytesCopied: 51 * MIB },
      error: null,
    },
  ],
  drills: [],
  lastEventId: 40,
});

/** North is gone, orders was failed over, payroll waits. */
export const disaster = (): Live => {
  const live = calm();
  return {
    ...live,
    sites: [site('north', { state: 'lost' }), site('south')],
    servers: [
      server('north-1', {
        state: 'down',
        cause: 'Site north is lost.',
        health: 'failed',
        heartbeatAgeMs: 48_200,
        cp: { committed: 1842, running: null },
      }),
      server('south-1'),
    ],
    links: (live.links ?? []).map((link) => ({
      ...link,
      state: 'cut',
      traffic: { forwardBytesPerSecond: 0, backwardBytesPerSecond: 0, queuedBytes: 0 },
    })),
    mirrors: [
      mirror('payroll', {
        imageState: 'Consistent',
        acting: null,
        connection: 'connecting',
        conditions: [
          {
            code: 'FracturedSystem',
            since: iso(-48_000),
            cause: 'north-1 does not answer (site loss).',
            nextStep: 'Handshake when north-1 is back.',
            clearedBy: ['failover'],
          },
        ],
        lag: { writes: 0, bytes: 0, seconds: 48 },
        actions: actions(['failover'], 'R05'),
      }),
      mirror('orders', {
        imageState: 'Outdated',
        acting: 'south',
        direction: 'reversed',
        connection: 'connecting',
        conditions: [
          {
            code: 'FracturedSystem',
            since: iso(-48_000),
            cause: 'north-1 does not answer (site loss).',
            nextStep: 'Handshake when north-1 is back.',
            clearedBy: ['reverse-resync'],
          },
          {
            code: 'Fenced',
            since: iso(-31_000),
            cause: 'The home source was demoted by a forced failover.',
            nextStep: null,
            clearedBy: ['reverse-resync'],
          },
        ],
        lag: { writes: 6204, bytes: 25_411_584, seconds: 31 },
        fractureLog: { regions: 1024, dirty: 182, regionSizeBytes: 65536, heat: heat(182) },
        actions: actions(['verify'], 'R05'),
      }),
    ],
    volumes: [
      volume('payroll', { state: 'offline', owner: null, cause: 'north-1 is down' }),
      volume('orders', { state: 'offline', owner: null, cause: 'north-1 is down' }),
      volume('payroll-copy'),
      volume('orders-copy', { state: 'serving', cp: 1850, sequence: 407_427 }),
    ],
    faults: [
      {
        id: 'flt-1',
        kind: 'site-loss',
        subject: 'site/north',
        message: 'Site north is lost: 1 server without power, 1 link cut.',
        parameters: {},
        injectedAt: iso(-48_000),
      },
    ],
  };
};

/** The way home: orders resyncs backwards. */
export const resyncing = (): Live => {
  const live = calm();
  return {
    ...live,
    mirrors: [
      mirror('payroll'),
      mirror('orders', {
        imageState: 'Synchronizing',
        direction: 'reversed',
        acting: 'south',
        conditions: [
          {
            code: 'DirectionLocked',
            since: iso(-4_000),
            cause: 'reverse',
            nextStep: 'Synchronized when the list is done.',
            clearedBy: ['rollback'],
          },
        ],
        lag: { writes: 212, bytes: 868_352, seconds: 1.4 },
        fractureLog: { regions: 1024, dirty: 71, regionSizeBytes: 65536, heat: heat(71) },
        sync: {
          job: 'job-9',
          direction: 'reversed',
          state: 'running',
          doneBytes: 19 * MIB,
          totalBytes: 45 * MIB,
          copiedBytes: Math.round(7.2 * MIB),
          rateBytesPerSecond: Math.round(6.1 * MIB),
          etaSeconds: 4.2,
        },
        actions: actions(['pause', 'fracture'], 'R04'),
      }),
    ],
    jobs: [
      ...(live.jobs ?? []),
      {
        id: 'job-9',
        kind: 'mirror/reverse-resync',
        subject: 'mirror/orders',
        state: 'running',
        phase: 'comparing marked regions',
        progress: 0.42,
        rateBytesPerSecond: Math.round(6.1 * MIB),
        etaSeconds: 4.2,
        canPause: true,
        canCancel: true,
        createdAt: iso(-4_000),
        endedAt: null,
        result: null,
        error: null,
      },
    ],
    volumes: [
      volume('payroll'),
      volume('orders', { state: 'secondary' }),
      volume('payroll-copy'),
      volume('orders-copy', { state: 'serving', cp: 1850 }),
    ],
  };
};

export const report: DrillReport = {
  verdict: 'pass',
  acknowledgedWrites: 18_204,
  lostWrites: 0,
  tornWrites: 0,
  staleWrites: 0,
  misplacedWrites: 0,
  rpoWrites: 0,
  rtoMs: 1284,
  crash: { cp: 1871, phase: 'prepared' },
  failover: { replayedRecords: 312, ms: 418 },
  reverseResync: { regionsDiffering: 143, bytesCopied: Math.round(7.9 * MIB), bytesVolume: 64 * MIB, ms: 912 },
  checksums: {
    source: '5f2b1c0f9d7e4a8836b6f1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f506',
    destination: '5f2b1c0f9d7e4a8836b6f1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f506',
  },
  seed: 20261121,
};

const titles: Record<(typeof DRILL_STEPS)[number], [string, string]> = {
  prepare: ['Prepare', 'The relationship is checked and the ledger opened.'],
  workload: ['Run a verified workload', 'A mixed workload writes to orders; every acknowledgement is kept.'],
  synchronize: ['Wait for synchronized', 'Both images are equal and writes wait for both logs.'],
  crash: ['Crash the primary site', 'North loses power in the middle of a consistency point.'],
  failover: ['Fail over', 'South replays its mirror log and accepts hosts.'],
  'audit-after-failover': ['Audit', 'Every acknowledged write is read back at south.'],
  'write-at-destination': ['Keep writing at the destination', 'The workload goes on at south.'],
  'restore-site': ['Bring the site back', 'North boots, sees the newer role epoch and stays fenced.'],
  differences: ['Show what differs', 'Both sides name the regions they changed alone.'],
  'reverse-resync': ['Reverse resync', 'Only differing blocks travel back to north.'],
  verify: ['Verify', 'Both images are compared block by block.'],
  failback: ['Fail back', 'Roles go home by a planned swap.'],
  audit: ['Audit again', 'Every acknowledged write is read back at north.'],
  report: ['Report', 'The verdict and its figures.'],
};

export function drill(at: number, over: Partial<Drill> = {}): Drill {
  return {
    id: 'drl-1',
    state: 'waiting',
    guided: true,
    mirror: 'orders',
    startedAt: iso(-60_000),
    endedAt: null,
    steps: DRILL_STEPS.map((id, index) => ({
      id,
      title: titles[id][0],
      description: titles[id][1],
      state: index < at ? 'done' : index === at ? 'waiting' : 'pending',
      startedAt: index < at ? iso(-60_000 + index * 4000) : null,
      endedAt: index < at ? iso(-58_600 + index * 4000) : null,
      progress: null,
      facts:
        index < at && id === 'workload'
          ? [
              { label: 'Acknowledged writes', value: '4 096' },
              { label: 'Queue depth', value: '4' },
            ]
          : [],
    })),
    report: null,
    error: null,
    ...over,
  };
}

export const finishedDrill = (): Drill => drill(DRILL_STEPS.length, { state: 'done', endedAt: iso(-2_000), report });

export const stateMachine: StateMachine = {
  states: [
    { state: 'NotEstablished', meaning: 'Never synced; every region is marked.', promotable: 'no' },
    { state: 'Synchronizing', meaning: 'A copy is running; a mixture of old and new.', promotable: 'no' },
    { state: 'Synchronized', meaning: 'Equal to the primary, nothing in flight.', promotable: 'yes' },
    { state: 'Consistent', meaning: 'Equal to the primary at some past instant.', promotable: 'with-loss' },
    { state: 'Outdated', meaning: 'Consistent, and known that the primary moved on.', promotable: 'forced' },
    { state: 'OutOfSync', meaning: 'A sync is needed or was broken off; unusable.', promotable: 'no' },
    { state: 'RollingBack', meaning: 'Undoing a partial update to a known good point.', promotable: 'no' },
    { state: 'Diverged', meaning: 'Both sides wrote since the common ancestor.', promotable: 'no' },
  ],
  transitions: [
    { from: 'NotEstablished', to: 'Synchronizing', event: 'establish', action: 'establish' },
    { from: 'OutOfSync', to: 'Synchronizing', event: 'resync', action: 'resync' },
    { from: 'Outdated', to: 'Synchronizing', event: 'resync', action: 'resync' },
    { from: 'Outdated', to: 'Synchronizing', event: 'reverse resync', action: 'reverse-resync' },
    { from: 'Synchronizing', to: 'Synchronized', event: 'sync complete', action: null },
    { from: 'Synchronizing', to: 'OutOfSync', event: 'link lost', action: null },
    { from: 'Synchronizing', to: 'Outdated', event: 'fracture', action: 'fracture' },
    { from: 'Synchronized', to: 'Outdated', event: 'fracture', action: 'fracture' },
    { from: 'Synchronized', to: 'Consistent', event: 'link lost', action: null },
    { from: 'Synchronized', to: 'Synchronizing', event: 'full sync', action: 'establish' },
    { from: 'Consistent', to: 'Synchronized', event: 'handshake', action: null },
    { from: 'Consistent', to: 'Outdated', event: 'failover', action: 'failover' },
    { from: 'Consistent', to: 'Diverged', event: 'fork found', action: null },
    { from: 'Outdated', to: 'Diverged', event: 'fork found', action: null },
    { from: 'Diverged', to: 'Outdated', event: 'resolve', action: 'resolve' },
    { from: 'OutOfSync', to: 'RollingBack', event: 'roll back', action: 'rollback' },
    { from: 'RollingBack', to: 'Outdated', event: 'done', action: null },
  ],
};

const kinds: readonly [string, LabEvent['severity'], string, string][] = [
  ['mirror/state', 'notice', 'mirror/orders', 'orders is Synchronized: both images are equal at CP 1842.'],
  ['job/done', 'info', 'mirror/orders', 'Full sync of orders finished: 51 MiB copied, 13 MiB of holes skipped.'],
  ['server/cp', 'debug', 'server/north-1', 'CP 1842 committed in 38 ms, 214 blocks.'],
  ['fault/injected', 'warning', 'site/north', 'Site north is lost: 1 server without power, 1 link cut.'],
  ['mirror/fractured', 'error', 'mirror/payroll', 'payroll fractured: north-1 does not answer.'],
  ['admin/action', 'info', 'mirror/orders', 'console asked for failover of orders: done.'],
];

export function events(count: number): LabEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const [kind, severity, subject, message] = kinds[index % kinds.length]!;
    return { id: index + 1, at: iso((index - count) * 1500), kind, severity, subject, message };
  });
}

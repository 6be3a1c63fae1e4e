/** One open lab: its parts, brought up in order and taken down in reverse. */
import { Shelf } from '../disk/index.ts';
import { geometryOf, minimumMembers } from '../raid/index.ts';
import type { CheckReport, LabInfo, LabOpening, Sample } from '../contract/index.ts';
import { LinkNetwork, type Storage } from '../runtime/index.ts';
import { openSqliteCatalog, type Catalog } from './catalog/index.ts';
import { checkLab } from './check.ts';
import { LabClock } from './clock.ts';
import { LAB_FORMAT, readLabFile, writeLabFile, type LabFile } from './directory.ts';
import { Drills } from './drill/index.ts';
import { EventStream } from './event-stream.ts';
import { Faults } from './faults.ts';
import { instant } from './instant.ts';
import { Jobs } from './jobs.ts';
import { acquireLock, type LabLock } from './lock.ts';
import type { Machine } from './machine.ts';
import { add, Metrics, NO_COUNTERS, type Counters } from './metrics.ts';
import { Mirrors } from './mirrors.ts';
import { refuse } from './refused.ts';
import { ServerUnit, type MakeServer, type UnitEnvironment } from './server-unit.ts';
import { DEFAULT_SERVER_SETTINGS, type ServerEvent, type ServerSettings, type VolumeStatus } from './server/types.ts';
import {
  Topology,
  type ArrayRecord,
  type ClusterRecord,
  type LinkRecord,
  type MirrorRecord,
  type PoolRecord,
  type ServerRecord,
  type SiteRecord,
  type VolumeRecord,
} from './topology.ts';
import { readTopologyCopy, writeTopologyCopy, type TopologyCopy } from './topology-copy.ts';
import { Views } from './views.ts';
import { Volumes } from './volumes.ts';
import { Workloads } from './workloads.ts';

export interface LabOptions {
  /** Absolute path. */
  readonly directory: string;
  readonly machine: Machine;
  readonly makeServer: MakeServer;
  readonly settings?: Partial<ServerSettings>;
  readonly create?: { readonly demo?: 'two-site' | undefined; readonly name?: string | undefined };
  /** Sizes of the demo lab, for tests that have no time. */
  readonly demoSizes?: DemoSizes;
}

export interface DemoSizes {
  readonly payrollBytes: number;
  readonly ordersBytes: number;
  readonly northDiskBytes: number;
  readonly southDiskBytes: number;
}

const MIB = 1024 * 1024;
const DEMO_SIZES: DemoSizes = {
  payrollBytes: 256 * MIB,
  ordersBytes: 64 * MIB,
  northDiskBytes: 512 * MIB,
  southDiskBytes: 640 * MIB,
};
const UNIT_BLOCKS = 16;
const OBSERVE_MS = 100;
const SAMPLE_MS = 1_000;
/** One sample in so many is kept in the catalog. */
const PERSIST_EVERY = 10;
const KEEP_SAMPLES = 3_600;
/** How a suspension says that the user's disk is full, and what must be free before another attempt. */
const OUT_OF_SPACE = /no space|ENOSPC|EDQUOT/i;
const ROOM_TO_RESUME_BYTES = 16 * MIB;
/** How long a graceful end waits for hosts' requests in flight. */
const CLOSE_PATIENCE_MS = 5_000;

export class Lab {
  readonly directory: string;
  readonly machine: Machine;
  readonly file: LabFile;
  readonly lock: LabLock;
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly clock: LabClock;
  readonly settings: ServerSettings;
  readonly events: EventStream;
  readonly jobs: Jobs;
  readonly topology: Topology;
  readonly network: LinkNetwork;
  readonly faults: Faults;
  readonly mirrors: Mirrors;
  readonly volumes: Volumes;
  readonly workloads: Workloads;
  readonly views: Views;
  readonly metrics = new Metrics(KEEP_SAMPLES);
  readonly drills: Drills;
  readonly openedAtMs: number;
  readonly #units = new Map<string, ServerUnit>();
  readonly #unitEnvironment: UnitEnvironment;
  readonly #changeListeners = new Set<() => void>();
  #copyNumber = 0;
  #copying: Promise<void> = Promise.resolve();
  #closed = false;
  #closing = false;
  #timers: { cancel(): void }[] = [];
  #samples = 0;
  /** Last sample of the whole lab. */
  sample: Sample | null = null;

  private constructor(
    options: LabOptions,
    parts: {
      readonly file: LabFile;
      readonly lock: LabLock;
      readonly storage: Storage;
      readonly catalog: Catalog;
      readonly clock: LabClock;
    },
  ) {
    const { machine } = options;
    this.directory = options.directory;
    this.machine = machine;
    this.file = parts.file;
    this.lock = parts.lock;
    this.storage = parts.storage;
    this.catalog = parts.catalog;
    this.clock = parts.clock;
    this.settings = { ...DEFAULT_SERVER_SETTINGS, ...options.settings };
    this.openedAtMs = this.clock.wallMs();
    const changed = (): void => this.#changed();
    const unitOf = (serverId: string): ServerUnit => this.unitOf(serverId);
    const { catalog, clock, storage } = parts;
    const { random } = machine;
    this.events = new EventStream(catalog, () => clock.wallMs());
    this.jobs = new Jobs({ catalog, events: this.events, clock, random });
    this.jobs.onChange(changed);
    this.topology = new Topology(catalog, random);
    this.network = new LinkNetwork(clock, random);
    this.#unitEnvironment = {
      machine,
      clock,
      network: this.network,
      makeServer: options.makeServer,
      settings: this.settings,
      nameOf: (id) => this.topology.nameOf(id),
      report: (serverId, event) => this.#report(serverId, event),
      changed,
    };
    const { topology, events, jobs, network } = this;
    this.faults = new Faults({
      catalog,
      topology,
      clock,
      random,
      events,
      network,
      unitOf,
      changed,
      setWallOffset: (ms) => clock.setWallOffset(ms),
      handshakes: () => this.handshakes(),
    });
    this.mirrors = new Mirrors({
      topology,
      clock,
      events,
      jobs,
      unitOf,
      changed,
      volumeServes: (unit, volumeId) =>
        unit.face?.volumes().some((volume) => volume.id === volumeId && volume.state === 'online') === true,
    });
    this.workloads = new Workloads({
      catalog,
      events,
      topology,
      clock,
      random,
      storage,
      changed,
      target: (volume) => this.volumes.target(volume),
      measured: (volumeId, ms) => this.#measured(volumeId, ms),
    });
    this.volumes = new Volumes({
      topology,
      machine,
      clock,
      jobs,
      mirrors: this.mirrors,
      unitOf,
      foreignWrite: (volume, offset, length, write) => this.workloads.foreignWrite(volume, offset, length, write),
      usersOf: (volume) => {
        const workload = this.workloads.runningOn(volume.id);
        return workload === null ? [] : [`workload ${workload.profile}`];
      },
      usedBytes: (status) => usedBytesOf(status),
    });
    this.views = new Views({ topology, clock, network, faults: this.faults, unitOf });
    this.drills = new Drills(this);
  }

  /** Opens the lab of the directory, or makes one there. Throws `Refused` when it cannot be; nothing is changed then. */
  static async open(options: LabOptions): Promise<Lab> {
    const { machine, directory } = options;
    const storage = machine.storage(directory);
    const clock = new LabClock(machine.clock);
    if (options.create !== undefined && (await storage.exists('lab.json'))) {
      refuse('lab/exists', `${directory} holds a lab already.`, 'Open it, or name another directory.');
    }
    if (!(await storage.exists('lab.json')) && (await storage.exists(CATALOG))) {
      refuse(
        'lab/damaged',
        `lab.json is missing in ${directory}, but ${CATALOG} is there. Nothing was changed.`,
        'Restore lab.json from a backup; where this is the rest of an interrupted creation, empty the directory.',
        { details: { file: 'lab.json', offset: 0, expected: 'the file of a lab', found: 'no such file' } },
      );
    }
    if (options.create === undefined && !(await storage.exists('lab.json'))) {
      refuse('lab/not-found', `There is no lab in ${directory}.`, 'Create one with lab create.');
    }
    // Made through the storage, so that the databases are for their owner's eyes only.
    for (const path of ['lab.lock.db']) await (await storage.open(path, { create: true, size: 0 })).close();
    const binding = machine.sqliteBinding;
    const lock = await acquireLock({
      directory,
      storage,
      owner: { pid: machine.pid, host: machine.host, startedAt: Math.floor(clock.wallMs()), socket: '' },
      ...(binding === undefined ? {} : { binding }),
    });
    let catalog: Catalog | null = null;
    try {
      const created = options.create === undefined ? null : newLabFile(machine, options.create);
      const opening =
        created === null
          ? await readLabFile(storage, () => machine.random.id(), clock.wallMs())
          : { file: created, migrated: null };
      const opened = await openCatalog(storage, machine, directory, clock.wallMs(), created !== null);
      catalog = opened.catalog;
      const lab = new Lab(options, { file: opening.file, lock, storage, catalog, clock });
      if (opening.migrated !== null) {
        lab.events.append({
          kind: 'lab/migrated',
          severity: 'notice',
          subject: `lab/${lab.file.name}`,
          message: `The lab had format ${opening.migrated.from} and now has ${LAB_FORMAT}; the old file is ${opening.migrated.backup}`,
        });
      }
      if (opened.lost !== null) await lab.#rebuild(opened.lost);
      lab.#start();
      if (created !== null) {
        if (options.create?.demo === 'two-site') await lab.#createDemo(options.demoSizes ?? DEMO_SIZES);
        await writeLabFile(storage, created);
      } else {
        await lab.#powerUp();
        lab.jobs.recover(lab.mirrors.resumers());
        lab.drills.recover();
      }
      return lab;
    } catch (error) {
      catalog?.close();
      await lock.release();
      throw error;
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  unitOf(serverId: string): ServerUnit {
    const known = this.#units.get(serverId);
    if (known !== undefined) return known;
    const server = this.topology.servers.get(serverId);
    const unit = new ServerUnit(
      {
        id: server.id,
        name: server.name,
        site: this.topology.sites.nameOf(server.siteId),
        logStorage: this.machine.storage(`${this.directory}/servers/${server.name}`),
        logHalfBytes: server.logHalfBytes,
        arrays: () =>
          this.topology.arrays
            .list()
            .filter((array) => array.clusterId === server.clusterId)
            .map((array) => ({ id: array.id, name: array.name, storage: this.#arrayStorage(array) })),
        pools: () =>
          this.topology.pools
            .list()
            .filter((pool) => pool.ownerId === server.id)
            .map((pool) => ({ poolId: pool.id, arrayId: pool.arrayId })),
      },
      this.#unitEnvironment,
    );
    this.#units.set(serverId, unit);
    return unit;
  }

  #arrayStorage(array: ArrayRecord): Storage {
    return this.machine.storage(`${this.directory}/arrays/${array.name}`);
  }

  /** Called after anything visible changed; coalescing is the listener's business. */
  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#changeListeners) listener();
  }

  #report(serverId: string, event: ServerEvent): void {
    if (this.#closed) return;
    const noun =
      this.topology.servers.byId(event.subject) !== undefined
        ? 'server'
        : this.topology.volumes.byId(event.subject) !== undefined
          ? 'volume'
          : this.topology.mirrors.byId(event.subject) !== undefined
            ? 'mirror'
            : this.topology.pools.byId(event.subject) !== undefined
              ? 'pool'
              : this.topology.arrays.byId(event.subject) !== undefined
                ? 'array'
                : null;
    const subject =
      noun !== null
        ? `${noun}/${this.topology.nameOf(event.subject)}`
        : event.subject.includes('/')
          ? event.subject
          : `server/${this.topology.nameOf(serverId)}`;
    this.events.append({
      kind: event.kind,
      severity: event.severity,
      subject,
      message: event.message,
      details: { ...event.details, server: this.topology.nameOf(serverId) },
    });
    this.#changed();
  }

  #measured(volumeId: string, ms: number): void {
    this.metrics.latency('lab', ms);
    this.metrics.latency(`volume/${volumeId}`, ms);
  }

  #start(): void {
    this.workloads.recover();
    this.topology.onChange(() => {
      this.#changed();
      this.#copyTopology();
    });
    const every = (ms: number, run: () => void): void => {
      const again = (): void => {
        const index = this.#timers.indexOf(timer);
        if (this.#closed || index < 0) return;
        run();
        timer = this.clock.after(ms, again);
        this.#timers[index] = timer;
      };
      let timer = this.clock.after(ms, again);
      this.#timers.push(timer);
    };
    every(OBSERVE_MS, () => {
      if (this.mirrors.observe()) this.#changed();
    });
    every(SAMPLE_MS, () => {
      this.#takeSample();
      this.#resumeSuspended();
    });
  }

  /**
   * A server that suspended because the file system was full starts anew once there is room: everything acknowledged is
   * in its log (scenario 68).
   */
  #resumeSuspended(): void {
    for (const server of this.topology.servers.list()) {
      const unit = this.unitOf(server.id);
      const state = unit.face?.status().state;
      if (state?.kind !== 'suspended' || !OUT_OF_SPACE.test(state.reason) || this.#resuming.has(server.id)) continue;
      this.#resuming.add(server.id);
      void this.#resume(server, state.reason).finally(() => this.#resuming.delete(server.id));
    }
  }
  readonly #resuming = new Set<string>();

  async #resume(server: ServerRecord, reason: string): Promise<void> {
    const freeBytes = await this.storage.freeBytes().catch(() => 0);
    if (freeBytes < ROOM_TO_RESUME_BYTES || this.#closing) return;
    const unit = this.unitOf(server.id);
    await unit.powerOff(`suspended: ${reason}; there is room again`);
    try {
      await unit.powerOn();
      this.events.append({
        kind: 'server/resumed',
        severity: 'notice',
        subject: `server/${server.name}`,
        message: `${server.name} serves again: the file system has ${freeBytes} free bytes`,
      });
    } catch (error) {
      this.events.append({
        kind: 'server/boot-failed',
        severity: 'critical',
        subject: `server/${server.name}`,
        message: `${server.name} did not come up: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }

  #takeSample(): void {
    const nowMs = this.clock.nowMs();
    const wallMs = this.clock.wallMs();
    this.workloads.tick();
    this.views.tick();
    this.mirrors.sampleLag(KEEP_SAMPLES);
    let whole: Counters = NO_COUNTERS;
    for (const server of this.topology.servers.list()) {
      let ofServer: Counters = NO_COUNTERS;
      for (const status of this.unitOf(server.id).face?.volumes() ?? []) {
        this.metrics.sample(`volume/${status.id}`, status.counters, nowMs, wallMs);
        ofServer = add(ofServer, status.counters);
      }
      this.metrics.sample(`server/${server.id}`, ofServer, nowMs, wallMs);
      whole = add(whole, ofServer);
    }
    this.sample = this.metrics.sample('lab', whole, nowMs, wallMs);
    this.#samples += 1;
    if (this.#samples % PERSIST_EVERY === 0) this.catalog.appendSample(wallMs, this.sample);
    this.#changed();
  }

  /** Writes the topology to every array, newest last; what is under way is waited for at close. */
  #copyTopology(): void {
    this.#copyNumber += 1;
    const copy: TopologyCopy = { number: this.#copyNumber, document: this.topology.document() };
    this.#copying = this.#copying.then(async () => {
      if (copy.number !== this.#copyNumber) return;
      for (const array of this.topology.arrays.list()) {
        try {
          await writeTopologyCopy(this.#arrayStorage(array), copy);
        } catch (error) {
          this.events.append({
            kind: 'array/topology-not-copied',
            severity: 'warning',
            subject: `array/${array.name}`,
            message: `${array.name} could not take its copy of the topology: ${error instanceof Error ? error.message : String(error)}`,
          });
        }
      }
    });
  }

  /** Scenario 71: a new catalog from what the arrays keep. */
  async #rebuild(why: string): Promise<void> {
    let best: TopologyCopy | null = null;
    const names = new Set((await this.storage.list('arrays/')).map((path) => path.split('/')[1] ?? ''));
    for (const name of names) {
      const copy = await readTopologyCopy(this.machine.storage(`${this.directory}/arrays/${name}`));
      if (copy !== null && 'number' in copy && (best === null || copy.number > best.number)) best = copy;
    }
    if (best === null && names.size > 0) {
      refuse(
        'lab/catalog-lost',
        `The catalog is ${why}, and no array holds a readable copy of the topology.`,
        'Restore catalog.sqlite from backups/. The data in arrays/ are untouched.',
      );
    }
    if (best !== null) {
      const { document } = best;
      this.#copyNumber = best.number;
      this.catalog.transaction(() => this.topology.restore(document));
    }
    this.faults.apply();
    this.events.append({
      kind: 'lab/catalog-rebuilt',
      severity: 'warning',
      subject: `lab/${this.file.name}`,
      message: `The catalog was ${why}; it was rebuilt from the arrays. Earlier events, jobs and reports are gone`,
    });
  }

  async #powerUp(): Promise<void> {
    const waking = this.topology.servers.list().filter((server) => {
      const unit = this.unitOf(server.id);
      const why = this.faults.holdsDown(server) ?? (server.power === 'off' ? 'powered off' : null);
      if (why !== null) unit.crash(why);
      return why === null;
    });
    await Promise.all(
      waking.map((server) =>
        this.unitOf(server.id)
          .powerOn()
          .catch((error: unknown) => {
            this.events.append({
              kind: 'server/boot-failed',
              severity: 'critical',
              subject: `server/${server.name}`,
              message: `${server.name} did not come up: ${error instanceof Error ? error.message : String(error)}`,
            });
          }),
      ),
    );
    this.reconcile();
  }

  /** The arrays win: what they hold and the catalog does not know is added, what differs is corrected, what is gone is told. */
  reconcile(): void {
    for (const server of this.topology.servers.list()) {
      const face = this.unitOf(server.id).face;
      if (face === null || face.status().state.kind === 'refused') continue;
      const found = face.volumes();
      for (const volume of found) {
        const known = this.topology.volumes.byId(volume.id);
        if (known !== undefined && known.sizeBytes === volume.sizeBytes) continue;
        const name = known?.name ?? (this.topology.volumes.byName(volume.name) === undefined ? volume.name : volume.id);
        this.topology.volumes.put({
          id: volume.id,
          name,
          createdAtMs: known?.createdAtMs ?? this.clock.wallMs(),
          poolId: volume.poolId,
          sizeBytes: volume.sizeBytes,
        });
        this.events.append({
          kind: 'volume/found',
          severity: 'notice',
          subject: `volume/${name}`,
          message: `${name} was taken over from its array: ${volume.sizeBytes} bytes`,
        });
      }
      for (const volume of this.topology.volumes.list()) {
        if (this.topology.pools.get(volume.poolId).ownerId !== server.id || found.some((one) => one.id === volume.id))
          continue;
        this.events.append({
          kind: 'volume/missing',
          severity: 'error',
          subject: `volume/${volume.name}`,
          message: `${volume.name} is in the catalog but not on its pool`,
        });
      }
      for (const status of face.relationships()) {
        if (this.topology.mirrors.byId(status.id) !== undefined) continue;
        const [sourceVolumeId, destinationVolumeId] =
          status.home === 'source'
            ? [status.localVolumeId, status.peerVolumeId]
            : [status.peerVolumeId, status.localVolumeId];
        if (
          this.topology.volumes.byId(sourceVolumeId) === undefined ||
          this.topology.volumes.byId(destinationVolumeId) === undefined
        )
          continue;
        const name = this.topology.mirrors.byName(status.name) === undefined ? status.name : status.id;
        this.topology.mirrors.put({
          id: status.id,
          name,
          createdAtMs: this.clock.wallMs(),
          sourceVolumeId,
          destinationVolumeId,
          policy: status.policy,
          recovery: status.recovery === 'automatic' ? 'auto' : 'manual',
        });
      }
    }
  }

  /** Resolves when no volume waits for a handshake any more, at most after the peer wait. */
  async handshakes(): Promise<void> {
    const untilMs = this.clock.nowMs() + this.settings.peerWaitMs;
    while (this.clock.nowMs() < untilMs && !this.#closing) {
      const faces = this.topology.servers
        .list()
        .map((server) => this.unitOf(server.id).face)
        .filter((face) => face !== null);
      const waiting = faces.some((face) => face.volumes().some((volume) => volume.state === 'waiting'));
      const up = new Set(faces.map((face) => face.id));
      const apart = faces.some((face) =>
        face
          .relationships()
          .some(
            (status) => up.has(status.peerServerId) && !status.connected && this.#linked(face.id, status.peerServerId),
          ),
      );
      if (!waiting && !apart) break;
      await this.clock.sleep(20);
    }
    this.mirrors.observe();
    this.#changed();
  }

  #linked(a: string, b: string): boolean {
    const { up } = this.network.linkOf(a, b);
    return typeof up === 'boolean' ? up : up.aToB && up.bToA;
  }

  // What an administrator may build.

  createSite(name: string): SiteRecord {
    this.topology.sites.checkName(name);
    return this.topology.sites.put({ id: this.topology.newId(), name, createdAtMs: this.clock.wallMs() });
  }

  createCluster(name: string, site: SiteRecord): ClusterRecord {
    this.topology.clusters.checkName(name);
    return this.topology.clusters.put({
      id: this.topology.newId(),
      name,
      createdAtMs: this.clock.wallMs(),
      siteId: site.id,
    });
  }

  async createServer(
    name: string,
    cluster: ClusterRecord,
    logHalfBytes: number = this.settings.logHalfBytes,
  ): Promise<ServerRecord> {
    this.topology.servers.checkName(name);
    const existing = this.topology.servers.list().find((server) => server.clusterId === cluster.id);
    if (existing !== undefined)
      refuse(
        'cluster/full',
        `${cluster.name} has its server, ${existing.name}.`,
        'A cluster has one server in this version; create another cluster.',
        { field: 'cluster' },
      );
    const server = this.topology.servers.put({
      id: this.topology.newId(),
      name,
      createdAtMs: this.clock.wallMs(),
      siteId: cluster.siteId,
      clusterId: cluster.id,
      logHalfBytes,
      power: 'on',
    });
    this.faults.apply();
    await this.unitOf(server.id).powerOn();
    return server;
  }

  createLink(
    name: string,
    sites: readonly [SiteRecord, SiteRecord],
    latencyMs: number,
    bandwidthBytesPerSecond: number | null,
  ): LinkRecord {
    this.topology.links.checkName(name);
    const [a, b] = sites;
    if (a.id === b.id)
      refuse('link/same-site', 'A link joins two different sites.', 'Name two sites.', { field: 'sites' });
    const known = this.topology.linkBetween(a.id, b.id);
    if (known !== undefined)
      refuse(
        'link/exists',
        `${a.name} and ${b.name} are joined by ${known.name} already.`,
        'Change that link instead.',
        { field: 'sites' },
      );
    const wallMs = this.clock.wallMs();
    const link = this.topology.links.put({
      id: this.topology.newId(),
      name,
      createdAtMs: wallMs,
      siteIds: [a.id, b.id],
      latencyMs,
      bandwidthBytesPerSecond,
      sinceMs: wallMs,
    });
    this.faults.apply();
    return link;
  }

  setLink(
    link: LinkRecord,
    change: { readonly latencyMs?: number | undefined; readonly bandwidthBytesPerSecond?: number | null | undefined },
  ): LinkRecord {
    const changed = this.topology.links.put({
      ...link,
      latencyMs: change.latencyMs ?? link.latencyMs,
      bandwidthBytesPerSecond:
        change.bandwidthBytesPerSecond === undefined ? link.bandwidthBytesPerSecond : change.bandwidthBytesPerSecond,
    });
    this.faults.apply();
    return changed;
  }

  /** The array's server restarts to reach it. */
  async createArray(name: string, cluster: ClusterRecord, disks: number, diskSizeBytes: number): Promise<ArrayRecord> {
    this.topology.arrays.checkName(name);
    const freeBytes = await this.storage.freeBytes();
    if (freeBytes < 64 * MIB)
      refuse('R23', `Needs space on the disk that holds the images; ${freeBytes} bytes are free.`, 'Free some space.');
    const record: ArrayRecord = {
      id: this.topology.newId(),
      name,
      createdAtMs: this.clock.wallMs(),
      siteId: cluster.siteId,
      clusterId: cluster.id,
      disks,
      diskSizeBytes,
    };
    const shelf = await Shelf.create(this.#arrayStorage(record), {
      arrayId: record.id,
      disks: Array.from({ length: disks }, (_, slot) => ({ slot, sizeBytes: diskSizeBytes })),
    });
    await shelf.close();
    this.topology.arrays.put(record);
    for (const server of this.topology.servers.list()) {
      if (server.clusterId !== cluster.id || this.unitOf(server.id).state !== 'up') continue;
      await this.unitOf(server.id).powerOff('restarts to reach its new array');
      await this.unitOf(server.id).powerOn();
    }
    return record;
  }

  async createPool(
    name: string,
    array: ArrayRecord,
    level: PoolRecord['level'],
    slots: readonly number[] | undefined,
    owner: ServerRecord,
  ): Promise<PoolRecord> {
    this.topology.pools.checkName(name);
    if (owner.clusterId !== array.clusterId)
      refuse(
        'pool/foreign-owner',
        `${owner.name} does not reach ${array.name}.`,
        'Name a server of the same cluster.',
        { field: 'owner' },
      );
    const used = new Set(
      this.topology.pools
        .list()
        .filter((pool) => pool.arrayId === array.id)
        .flatMap((pool) => pool.slots),
    );
    const chosen = slots ?? Array.from({ length: array.disks }, (_, slot) => slot).filter((slot) => !used.has(slot));
    const bad = chosen.find((slot, index) => slot >= array.disks || used.has(slot) || chosen.indexOf(slot) !== index);
    if (bad !== undefined)
      refuse(
        'pool/slot-unusable',
        `Slot ${bad} of ${array.name} is not there, named twice, or belongs to a pool.`,
        'Name unused slots.',
        { field: 'slots' },
      );
    if (chosen.length < minimumMembers(level) || (level === 'raid10' && chosen.length % 2 !== 0)) {
      refuse(
        'pool/too-few-disks',
        `${level} needs at least ${minimumMembers(level)} disks${level === 'raid10' ? ', an even number' : ''}; ${chosen.length} are named.`,
        'Name more slots, or another level.',
        { field: 'slots' },
      );
    }
    geometryOf({ level, members: chosen.length, unitBlocks: UNIT_BLOCKS });
    const record: PoolRecord = {
      id: this.topology.newId(),
      name,
      createdAtMs: this.clock.wallMs(),
      arrayId: array.id,
      level,
      slots: [...chosen],
      ownerId: owner.id,
    };
    await this.unitOf(owner.id).ask((face) =>
      face.createPool({
        id: record.id,
        name,
        arrayId: array.id,
        groups: [{ level, slots: record.slots, unitBlocks: UNIT_BLOCKS }],
      }),
    );
    return this.topology.pools.put(record);
  }

  async createVolume(name: string, pool: PoolRecord, sizeBytes: number): Promise<VolumeRecord> {
    this.topology.volumes.checkName(name);
    const record: VolumeRecord = {
      id: this.topology.newId(),
      name,
      createdAtMs: this.clock.wallMs(),
      poolId: pool.id,
      sizeBytes,
    };
    await this.unitOf(pool.ownerId).ask((face) =>
      face.createVolume({ id: record.id, name, poolId: pool.id, sizeBytes }),
    );
    return this.topology.volumes.put(record);
  }

  async growVolume(volume: VolumeRecord, sizeBytes: number): Promise<VolumeRecord> {
    if (sizeBytes < volume.sizeBytes)
      refuse(
        'volume/shrink',
        `${volume.name} has ${volume.sizeBytes} bytes; it can only grow.`,
        'Name a larger size.',
        { field: 'sizeBytes' },
      );
    const mirror = this.topology.mirrorOfVolume(volume.id);
    // The fracture logs of a relationship are made for the size that both volumes had when it was created.
    if (mirror !== undefined)
      refuse(
        'volume/mirrored',
        `${volume.name} belongs to the mirror ${mirror.name}, whose change tracking has a fixed size.`,
        `Delete the mirror, grow both volumes, and mirror them again.`,
      );
    await this.volumes.unit(volume).ask((face) => face.growVolume(volume.id, sizeBytes));
    return this.topology.volumes.put({ ...volume, sizeBytes });
  }

  async deleteVolume(volume: VolumeRecord, confirm: string | undefined): Promise<void> {
    const mirror = this.topology.mirrorOfVolume(volume.id);
    if (mirror !== undefined)
      refuse(
        'volume/mirrored',
        `${volume.name} belongs to the mirror ${mirror.name}.`,
        'Delete the mirror first; both volumes stay.',
        { field: 'volume' },
      );
    const workload = this.workloads.runningOn(volume.id);
    if (workload !== null)
      refuse('volume/in-use', `A workload (${workload.id}) runs on ${volume.name}.`, 'Stop it first.', {
        field: 'volume',
      });
    this.confirmed('volume', volume.name, confirm, `${volume.name} and its content would be gone.`);
    await this.volumes.unit(volume).ask((face) => face.removeVolume(volume.id));
    await this.workloads.forget(volume);
    this.topology.volumes.remove(volume.id);
  }

  async createMirror(spec: {
    readonly name: string;
    readonly source: VolumeRecord;
    readonly destination: VolumeRecord;
    readonly policy?: 'availability' | 'strict' | undefined;
    readonly recovery?: 'auto' | 'manual' | undefined;
  }): Promise<MirrorRecord> {
    this.topology.mirrors.checkName(spec.name);
    for (const volume of [spec.source, spec.destination]) {
      const other = this.topology.mirrorOfVolume(volume.id);
      if (other !== undefined)
        refuse(
          'mirror/volume-mirrored',
          `${volume.name} belongs to the mirror ${other.name} already.`,
          'Name two volumes without a mirror.',
        );
    }
    if (spec.source.id === spec.destination.id)
      refuse('mirror/same-volume', 'A mirror pairs two different volumes.', 'Name two volumes.', {
        field: 'destination',
      });
    if (this.topology.ownerOf(spec.source).id === this.topology.ownerOf(spec.destination).id)
      refuse('mirror/same-server', 'Both volumes are served by the same server.', 'Name a volume of another site.', {
        field: 'destination',
      });
    if (spec.source.sizeBytes !== spec.destination.sizeBytes) {
      refuse(
        'R19',
        `${spec.source.name} is ${spec.source.sizeBytes} bytes, ${spec.destination.name} is ${spec.destination.sizeBytes}; grow the smaller.`,
        'Grow the smaller volume.',
        { field: 'destination' },
      );
    }
    const record: MirrorRecord = {
      id: this.topology.newId(),
      name: spec.name,
      createdAtMs: this.clock.wallMs(),
      sourceVolumeId: spec.source.id,
      destinationVolumeId: spec.destination.id,
      policy: spec.policy ?? 'availability',
      recovery: spec.recovery ?? 'auto',
    };
    await this.mirrors.create(record);
    return record;
  }

  async powerOff(server: ServerRecord, confirm: string | undefined): Promise<void> {
    const volumes = this.topology.volumes
      .list()
      .filter((volume) => this.topology.pools.get(volume.poolId).ownerId === server.id);
    const dependent = volumes.filter(
      (volume) => this.topology.mirrorOfVolume(volume.id) !== undefined || this.workloads.runningOn(volume.id) !== null,
    );
    if (dependent.length > 0 && this.unitOf(server.id).state === 'up') {
      this.confirmed(
        'server',
        server.name,
        confirm,
        `${dependent.map((volume) => volume.name).join(', ')} would stop being served or mirrored.`,
      );
    }
    this.topology.servers.put({ ...server, power: 'off' });
    await this.unitOf(server.id).powerOff('powered off');
  }

  async powerOn(server: ServerRecord): Promise<void> {
    this.topology.servers.put({ ...server, power: 'on' });
    this.faults.forgetCrash(server.id);
    const why = this.faults.holdsDown(server);
    if (why !== null)
      refuse('server/no-power', `${server.name} cannot start: ${why}.`, 'Clear the fault.', { field: 'server' });
    await this.unitOf(server.id).powerOn();
    this.reconcile();
  }

  /** Serves without the peer; only where the server knows how to. */
  async skipPeerWait(server: ServerRecord): Promise<void> {
    await this.unitOf(server.id).ask((face) => {
      if (!('endPeerWait' in face) || typeof face.endPeerWait !== 'function') {
        refuse(
          'server/not-supported',
          `${server.name} goes on by itself when the peer wait is over.`,
          `Wait until then, at most ${this.settings.peerWaitMs / 1000} s.`,
        );
      }
      (face as { endPeerWait(): void }).endPeerWait();
    });
  }

  /** Refuses unless the subject's name was typed. */
  confirmed(noun: string, name: string, confirm: string | undefined, consequence: string): void {
    if (confirm === name) return;
    if (confirm !== undefined)
      refuse(`${noun}/wrong-confirmation`, `The confirmation must be ${name}.`, 'Type the name exactly.', {
        field: 'confirm',
      });
    refuse(`${noun}/confirmation-required`, consequence, `Confirm with the name, ${name}.`, {
      field: 'confirm',
      overridable: true,
    });
  }

  async info(): Promise<LabInfo> {
    const freeBytes = await this.storage.freeBytes();
    return {
      id: this.file.id,
      name: this.file.name,
      directory: this.directory,
      formatVersion: this.file.format,
      demo: this.file.demo,
      createdAt: instant(this.file.createdAtMs),
      openedAt: instant(this.openedAtMs),
      now: instant(this.clock.wallMs()),
      sites: this.topology.sites.size,
      servers: this.topology.servers.size,
      volumes: this.topology.volumes.size,
      mirrors: this.topology.mirrors.size,
      usedBytes: this.topology.pools
        .list()
        .reduce((total, pool) => total + (this.views.poolStatus(pool)?.usedBytes ?? 0), 0),
      freeBytes: Number.isFinite(freeBytes) ? freeBytes : null,
    };
  }

  opening(): LabOpening {
    const servers = this.topology.servers.list().map((server) => {
      const unit = this.unitOf(server.id);
      const status = unit.anyFace?.status() ?? null;
      const waiting = unit.face?.volumes().filter((volume) => volume.state === 'waiting') ?? [];
      const phase = this.views.phaseOf(server, status, waiting.length);
      const until = phase === 'handshake' ? instant(unit.sinceWallMs + this.settings.peerWaitMs) : null;
      const detail =
        status?.state.kind === 'refused'
          ? status.state.message
          : phase === 'handshake'
            ? waiting.map((volume) => volume.stateReason ?? volume.name).join('; ')
            : (unit.cause ?? '');
      return { server: server.name, phase, detail, peerWaitUntil: until };
    });
    return {
      done: servers.every(
        (server) => server.phase === 'serving' || server.phase === 'off' || server.phase === 'failed',
      ),
      servers,
    };
  }

  /** Committed roots, logs, marks, ledgers and the lab's own files; changes nothing unless `repair`. */
  check(repair = false): Promise<CheckReport> {
    return checkLab(
      {
        topology: this.topology,
        clock: this.clock,
        runtime: this.machine.runtime,
        unitOf: (serverId) => this.unitOf(serverId),
        arrayStorage: (array) => this.#arrayStorage(array),
        serverStorage: (server) => this.machine.storage(`${this.directory}/servers/${server.name}`),
        hasLedger: (volume) => this.workloads.hasLedger(volume),
        readLedger: (volume) => this.workloads.ledger(volume),
        copyTopology: () => {
          this.#copyTopology();
          return this.#copying;
        },
      },
      repair,
    );
  }

  async #createDemo(sizes: DemoSizes): Promise<void> {
    const build = async (
      side: 'north' | 'south',
      level: 'raid6' | 'raid5',
      disks: number,
      diskBytes: number,
    ): Promise<{ readonly site: SiteRecord; readonly pool: PoolRecord }> => {
      const site = this.createSite(side);
      const cluster = this.createCluster(side, site);
      const array = await this.createArray(`${side}-array`, cluster, disks, diskBytes);
      const server = await this.createServer(`${side}-1`, cluster);
      const pool = await this.createPool(`${side}-pool`, array, level, undefined, server);
      return { site, pool };
    };
    const north = await build('north', 'raid6', 6, sizes.northDiskBytes);
    const south = await build('south', 'raid5', 4, sizes.southDiskBytes);
    this.createLink('north-south', [north.site, south.site], 1, null);
    const payroll = await this.createVolume('payroll', north.pool, sizes.payrollBytes);
    const orders = await this.createVolume('orders', north.pool, sizes.ordersBytes);
    const payrollCopy = await this.createVolume('payroll-copy', south.pool, sizes.payrollBytes);
    const ordersCopy = await this.createVolume('orders-copy', south.pool, sizes.ordersBytes);
    await this.createMirror({ name: 'payroll', source: payroll, destination: payrollCopy });
    await this.createMirror({ name: 'orders', source: orders, destination: ordersCopy });
  }

  /** Graceful: workloads stop, servers take their last consistency points, everything is closed. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.drills.close();
    // A request that is never answered must not keep the host from ending: the power-off below ends it too.
    const workloads = this.workloads.close();
    await Promise.race([workloads, this.clock.sleep(CLOSE_PATIENCE_MS)]);
    this.jobs.close();
    await Promise.all(this.topology.servers.list().map((server) => this.unitOf(server.id).powerOff('the host ended')));
    await workloads;
    await this.drills.rested();
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    await this.#copying;
    this.events.close();
    this.catalog.close();
    await this.lock.release();
  }
}

/** Without a figure of its own, a volume's use is not known to the server's public face. */
function usedBytesOf(status: VolumeStatus | null): number {
  return status !== null && 'usedBytes' in status && typeof status.usedBytes === 'number' ? status.usedBytes : 0;
}

function newLabFile(
  machine: Machine,
  create: { readonly demo?: 'two-site' | undefined; readonly name?: string | undefined },
): LabFile {
  return {
    format: LAB_FORMAT,
    id: machine.random.id(),
    name: create.name ?? create.demo ?? 'lab',
    demo: create.demo ?? null,
    createdAtMs: machine.clock.wallMs(),
  };
}

const CATALOG = 'catalog.sqlite';

async function openCatalog(
  storage: Storage,
  machine: Machine,
  directory: string,
  wallMs: number,
  fresh: boolean,
): Promise<{ readonly catalog: Catalog; readonly lost: string | null }> {
  const binding = machine.sqliteBinding === undefined ? {} : { binding: machine.sqliteBinding };
  const open = () =>
    openSqliteCatalog({
      path: `${directory}/${CATALOG}`,
      ...binding,
      backup: (from, copyTo) => copyTo(`${directory}/backups/catalog-format-${from}-${Math.floor(wallMs)}.sqlite`),
    });
  let lost: string | null = null;
  if (!fresh && !(await storage.exists(CATALOG))) lost = 'missing';
  // A write-ahead log without its database belongs to nothing.
  if (lost !== null)
    for (const path of [`${CATALOG}-wal`, `${CATALOG}-shm`]) if (await storage.exists(path)) await storage.remove(path);
  await (await storage.open(CATALOG, { create: true, size: 0 })).close();
  await (await storage.open('backups/keep', { create: true, size: 0 })).close(); // so that the directory exists
  let opened = open();
  if (!opened.ok && opened.reason === 'newer') {
    refuse(
      'lab/newer-catalog',
      `The catalog has a newer format: ${opened.message}. Nothing was changed.`,
      'Open the lab with the program that made it, or a newer one.',
      { details: { file: CATALOG } },
    );
  }
  if (!opened.ok) {
    lost = `damaged (${opened.message})`;
    for (const path of [CATALOG, `${CATALOG}-wal`, `${CATALOG}-shm`]) {
      if (await storage.exists(path)) await storage.rename(path, `backups/damaged-${Math.floor(wallMs)}-${path}`);
    }
    await (await storage.open(CATALOG, { create: true, size: 0 })).close();
    opened = open();
  }
  if (!opened.ok) throw new Error(`a new catalog cannot be opened: ${opened.message}`);
  return { catalog: opened.catalog, lost };
}

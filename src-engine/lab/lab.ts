/** One open lab: its parts composed, brought up in order and taken down in reverse. */
import type { CheckReport, LabInfo } from '../contract/index.ts';
import { LinkNetwork, type Storage } from '../runtime/index.ts';
import { Arrays } from './arrays.ts';
import type { Catalog } from './catalog/index.ts';
import { checkLab } from './check.ts';
import { LabClock } from './clock.ts';
import { createDemo, type DemoSizes } from './demo.ts';
import { backUpLabFile, LAB_FORMAT, readLabFile, writeLabFile, type LabFile } from './directory.ts';
import { Drills } from './drill/index.ts';
import { EventStream } from './event-stream.ts';
import { Faults } from './faults.ts';
import { instant } from './instant.ts';
import { Jobs } from './jobs.ts';
import { LabSettingsKeeper } from './lab-settings.ts';
import { Links } from './links.ts';
import { acquireLock, type LabLock } from './lock.ts';
import { lookingMachine, type LookingMachine } from './look.ts';
import type { Machine } from './machine.ts';
import { Mirrors } from './mirrors.ts';
import { beginCreation, endCreation, newLabFile, openCatalog, refuseWrongPlace } from './opening.ts';
import { Pools } from './pools.ts';
import { Removal } from './removal.ts';
import { Renaming } from './renaming.ts';
import { Sampler } from './sampler.ts';
import type { MakeServer, ServerUnit } from './server-unit.ts';
import { DEFAULT_SERVER_SETTINGS, type ServerSettings } from './server/types.ts';
import { Serial } from './serial.ts';
import { Servers } from './servers.ts';
import { Sites } from './sites.ts';
import { Topology } from './topology.ts';
import { TopologyKeeper } from './topology-keeper.ts';
import { Views } from './views.ts';
import { VolumeContent } from './volume-content.ts';
import { VolumeTransfer } from './volume-transfer.ts';
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
  /** Only looked at: nothing in the directory is changed but the lock, the servers do not meet, no job goes on. */
  readonly look?: boolean;
}

const OBSERVE_MS = 100;
const SAMPLE_MS = 1_000;
/** How long a graceful end waits for hosts' requests in flight. */
const CLOSE_PATIENCE_MS = 5_000;

interface OpenedFiles {
  readonly file: LabFile;
  readonly lock: LabLock;
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly clock: LabClock;
  readonly restored: string | null;
  readonly look: LookingMachine | null;
}

export class Lab {
  readonly directory: string;
  readonly machine: Machine;
  readonly file: LabFile;
  readonly lock: LabLock;
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly clock: LabClock;
  readonly settings: ServerSettings;
  readonly labSettings: LabSettingsKeeper;
  readonly events: EventStream;
  readonly jobs: Jobs;
  readonly topology: Topology;
  readonly network: LinkNetwork;
  readonly faults: Faults;
  readonly sites: Sites;
  readonly servers: Servers;
  readonly links: Links;
  readonly arrays: Arrays;
  readonly pools: Pools;
  readonly volumes: Volumes;
  readonly content: VolumeContent;
  readonly transfer: VolumeTransfer;
  readonly mirrors: Mirrors;
  readonly workloads: Workloads;
  readonly views: Views;
  readonly sampler: Sampler;
  readonly drills: Drills;
  readonly removal: Removal;
  readonly renaming: Renaming;
  readonly openedAtMs: number;
  readonly #topologyKeeper: TopologyKeeper;
  readonly #restored: string | null;
  readonly #look: LookingMachine | null;
  readonly #changeListeners = new Set<() => void>();
  #closed = false;
  #closing = false;
  #timers: { cancel(): void }[] = [];

  private constructor(options: LabOptions, files: OpenedFiles) {
    const { machine, directory, makeServer } = options;
    const { catalog, clock, storage } = files;
    const { random } = machine;
    const labSettings = new LabSettingsKeeper(catalog, { ...DEFAULT_SERVER_SETTINGS, ...options.settings });
    const settings = labSettings.server;
    const changed = (): void => this.#changed();
    const changes = new Serial();
    const unitOf = (serverId: string): ServerUnit => this.servers.unitOf(serverId);

    const events = new EventStream(catalog, () => clock.wallMs());
    const jobs = new Jobs({ catalog, events, clock, random });
    jobs.onChange(changed);
    const topology = new Topology(catalog, random);
    const network = new LinkNetwork(clock, random);
    const faults = new Faults({
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
    const arrays = new Arrays({ directory, machine, storage, topology, clock, events, unitOf, changes });
    const mirrors = new Mirrors({ topology, clock, events, jobs, unitOf, changed, changes });
    const workloads = new Workloads({
      catalog,
      events,
      jobs,
      topology,
      clock,
      random,
      storage,
      changed,
      changes,
      target: (volume) => this.volumes.target(volume),
      measured: (volumeId, ms) => this.sampler.measured(volumeId, ms),
    });
    const volumes = new Volumes({ topology, clock, mirrors, workloads, jobs, unitOf, changes });
    const content = new VolumeContent({ machine, jobs, volumes, workloads });
    const views = new Views({ topology, clock, network, faults, unitOf });

    this.directory = directory;
    this.machine = machine;
    this.file = files.file;
    this.lock = files.lock;
    this.storage = storage;
    this.catalog = catalog;
    this.clock = clock;
    this.settings = settings;
    this.labSettings = labSettings;
    this.openedAtMs = clock.wallMs();
    this.events = events;
    this.jobs = jobs;
    this.topology = topology;
    this.network = network;
    this.faults = faults;
    this.arrays = arrays;
    this.mirrors = mirrors;
    this.workloads = workloads;
    this.volumes = volumes;
    this.content = content;
    this.views = views;
    this.transfer = new VolumeTransfer({ directory, machine, clock, topology, jobs, volumes, content, workloads });
    this.sites = new Sites({ topology, clock });
    this.links = new Links({ topology, clock, faults });
    this.pools = new Pools({ topology, clock, unitOf, changes });
    this.servers = new Servers({
      directory,
      machine,
      storage,
      topology,
      clock,
      events,
      network,
      settings,
      makeServer,
      arrays,
      faults,
      removal: () => this.removal,
      runsWorkload: (volume) => workloads.runningOn(volume.id) !== null,
      changed,
      ending: () => this.#closing,
      closed: () => this.#closed,
    });
    this.sampler = new Sampler({ clock, catalog, topology, workloads, views, mirrors, unitOf, changed });
    this.#restored = files.restored;
    this.#look = files.look;
    this.#topologyKeeper = new TopologyKeeper({ catalog, topology, events, arrays });
    this.drills = new Drills(this);
    this.removal = new Removal({
      storage,
      catalog,
      topology,
      events,
      faults,
      changes,
      unitOf,
      forgetUnit: (serverId) => this.servers.forget(serverId),
      copied: () => this.#topologyKeeper.rested(),
    });
    this.renaming = new Renaming({
      topology,
      events,
      jobs,
      workloads,
      changes,
      drilling: () => this.drills.underWay,
    });
  }

  /** Opens the lab of the directory, or makes one there. Throws `Refused` when it cannot be; nothing is changed then. */
  static async open(options: LabOptions): Promise<Lab> {
    const { directory } = options;
    const real = options.machine.storage(directory);
    await refuseWrongPlace(real, directory, options.create !== undefined);
    const look = options.look === true ? await lookingMachine(options.machine, directory) : null;
    const machine = look?.machine ?? options.machine;
    const storage = machine.storage(directory);
    const clock = new LabClock(machine.clock);
    // Made through the storage, so that the database is for their owner's eyes only.
    await (await real.open('lab.lock.db', { create: true, size: 0 })).close();
    const binding = machine.sqliteBinding;
    const lock = await acquireLock({
      directory,
      storage: real,
      owner: { pid: machine.pid, host: machine.host, startedAt: Math.floor(clock.wallMs()), socket: '' },
      ...(binding === undefined ? {} : { binding }),
    });
    let catalog: Catalog | null = null;
    let lab: Lab | null = null;
    try {
      if (options.create !== undefined) await beginCreation(storage);
      const created = options.create === undefined ? null : newLabFile(machine, options.create);
      const opening =
        created === null
          ? await readLabFile(storage, () => machine.random.id(), clock.wallMs())
          : { file: created, migrated: null };
      const opened = await openCatalog(
        { storage, machine, directory, catalogDirectory: look?.catalogDirectory ?? directory, wallMs: clock.wallMs() },
        created !== null,
      );
      catalog = opened.catalog;
      lab = new Lab(
        { ...options, machine },
        { file: opening.file, lock, storage, catalog, clock, restored: opened.restored, look },
      );
      if (opening.migrated !== null) {
        lab.events.append({
          kind: 'lab/migrated',
          severity: 'notice',
          subject: `lab/${lab.file.name}`,
          message: `The lab had format ${opening.migrated.from} and now has ${LAB_FORMAT}; the old file is ${opening.migrated.backup}`,
        });
      }
      if (opened.restored !== null) lab.#tellOfRestoring(opened.restored);
      lab.#start();
      if (created !== null) {
        if (options.create?.demo === 'two-site') await createDemo(lab, options.demoSizes);
        await writeLabFile(storage, created);
        await backUpLabFile(storage, created);
        await endCreation(storage);
      } else {
        await endCreation(storage);
        await backUpLabFile(storage, opening.file).catch(() => undefined); // a full file system is no reason to stay closed
        await lab.arrays.settle();
        await lab.removal.settle();
        await lab.#topologyKeeper.catchUp();
        if (look !== null) lab.#isolate();
        await lab.servers.powerUp();
        if (look !== null) return lab;
        lab.jobs.recover({ ...lab.mirrors.resumers(), ...lab.transfer.resumers() });
        lab.drills.recover();
      }
      return lab;
    } catch (error) {
      // What was begun is ended like any lab, so that nothing of it acts on.
      if (lab !== null) await lab.close();
      else {
        catalog?.close();
        await look?.release();
        await lock.release();
      }
      throw error;
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Called after anything visible changed; coalescing is the listener's business. */
  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#changeListeners) listener();
  }

  #tellOfRestoring(message: string): void {
    this.events.append({
      kind: 'lab/catalog-rebuilt',
      severity: 'warning',
      subject: `lab/${this.file.name}`,
      message,
    });
  }

  #start(): void {
    this.workloads.recover();
    this.topology.onChange(() => {
      this.#changed();
      void this.#topologyKeeper.copy();
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
      if (this.mirrors.history.observe()) this.#changed();
    });
    every(SAMPLE_MS, () => {
      this.sampler.take();
      this.servers.resumeSuspended();
    });
  }

  /** Pairs that do not meet send each other nothing. */
  #isolate(): void {
    const servers = this.topology.servers.list();
    for (const a of servers)
      for (const b of servers) if (a.id < b.id) this.network.setLink(a.id, b.id, { latencyMs: 0, up: false });
  }

  /** Resolves when no volume waits for a handshake any more, at most after the peer wait. */
  async handshakes(): Promise<void> {
    await this.servers.handshakes();
    this.mirrors.history.observe();
    this.#changed();
  }

  /** As `handshakes`, but nobody waits for a server that is not there. */
  async meetings(): Promise<void> {
    await this.servers.handshakes('present');
    this.mirrors.history.observe();
    this.#changed();
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

  /** Committed roots, logs, marks, ledgers and the lab's own files; changes nothing unless `repair`. */
  check(repair = false): Promise<CheckReport> {
    return checkLab(
      {
        topology: this.topology,
        clock: this.clock,
        runtime: this.machine.runtime,
        unitOf: (serverId) => this.servers.unitOf(serverId),
        arrayStorage: (array) => this.arrays.storageOf(array),
        serverStorage: (server) =>
          this.machine.storage(`${this.directory}/servers/${this.topology.servers.filesOf(server)}`),
        hasLedger: (volume) => this.workloads.hasLedger(volume),
        readLedger: (volume) => this.workloads.ledger(volume),
        restored: this.#look === null ? null : this.#restored,
        unknownArrays: () => this.arrays.unknown(),
        copyTopology: () => this.#topologyKeeper.copy(),
      },
      repair,
    );
  }

  /**
   * After an exception that nobody expected. What is in memory is not trusted to be written to the arrays any more: the
   * servers end as in a power cut, which the next start recovers from, and only the lab's own files are closed in order.
   */
  async abandon(reason: string): Promise<void> {
    if (this.#closing) return;
    try {
      this.events.append({
        kind: 'host/bug',
        severity: 'critical',
        subject: `lab/${this.file.name}`,
        message: `The host met a bug and ended as in a power cut: ${reason}. Nothing acknowledged is lost; the next start recovers it from the logs.`,
      });
    } catch {
      // The host's log has it too; a catalog that cannot be written must not keep the servers up.
    }
    await this.servers.drop('the host met a bug');
    await this.close();
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
    if (this.#look === null) await this.servers.close();
    else await this.servers.drop();
    await workloads;
    await this.drills.rested();
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    await this.#topologyKeeper.rested();
    this.events.close();
    this.catalog.close();
    await this.#look?.release();
    await this.lock.release();
  }
}

/** The servers of a lab: made, powered, crashed and brought up again; each has one `ServerUnit` for all its lives. */
import type { Clock, LinkNetwork, Storage } from '../runtime/index.ts';
import type { Arrays } from './arrays.ts';
import { confirmed } from './confirmation.ts';
import type { EventStream } from './event-stream.ts';
import type { Faults } from './faults.ts';
import type { Machine } from './machine.ts';
import { reconcile } from './reconcile.ts';
import { refuse } from './refused.ts';
import type { Removal } from './removal.ts';
import { ServerUnit, type MakeServer, type UnitEnvironment } from './server-unit.ts';
import type { ServerEvent, ServerSettings } from './server/types.ts';
import type { ClusterRecord, ServerRecord, Topology, VolumeRecord } from './topology.ts';

export interface ServersEnvironment {
  readonly directory: string;
  readonly machine: Machine;
  readonly storage: Storage;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly network: LinkNetwork;
  readonly settings: ServerSettings;
  readonly makeServer: MakeServer;
  readonly arrays: Arrays;
  readonly faults: Faults;
  readonly runsWorkload: (volume: VolumeRecord) => boolean;
  readonly removal: () => Removal;
  readonly changed: () => void;
  /** The host begins to end: nothing is started any more. */
  readonly ending: () => boolean;
  /** Nothing is reported any more. */
  readonly closed: () => boolean;
}

/** How a suspension says that the user's disk is full, and what must be free before another attempt. */
const OUT_OF_SPACE = /no space|ENOSPC|EDQUOT/i;
const ROOM_TO_RESUME_BYTES = 16 * 1024 * 1024;

export class Servers {
  readonly #environment: ServersEnvironment;
  readonly #unitEnvironment: UnitEnvironment;
  readonly #units = new Map<string, ServerUnit>();
  readonly #resuming = new Set<string>();

  constructor(environment: ServersEnvironment) {
    this.#environment = environment;
    const { machine, clock, network, makeServer, settings, topology, changed } = environment;
    this.#unitEnvironment = {
      machine,
      clock,
      network,
      makeServer,
      settings,
      nameOf: (id) => topology.nameOf(id),
      report: (serverId, event) => this.#report(serverId, event),
      changed,
    };
  }

  unitOf(serverId: string): ServerUnit {
    const { topology, machine, directory, arrays } = this.#environment;
    const known = this.#units.get(serverId);
    if (known !== undefined) return known;
    const server = topology.servers.get(serverId);
    const unit = new ServerUnit(
      {
        id: server.id,
        get name() {
          return topology.servers.byId(serverId)?.name ?? server.name;
        },
        get site() {
          return topology.sites.nameOf(server.siteId);
        },
        logStorage: machine.storage(`${directory}/servers/${topology.servers.filesOf(server)}`),
        logHalfBytes: server.logHalfBytes,
        arrays: () =>
          topology.arrays
            .list()
            .filter((array) => array.clusterId === server.clusterId)
            .map((array) => ({ id: array.id, name: array.name, storage: arrays.storageOf(array) })),
        pools: () =>
          topology.pools
            .list()
            .filter((pool) => pool.ownerId === server.id && pool.deleting !== true)
            .map((pool) => ({ poolId: pool.id, arrayId: pool.arrayId })),
      },
      this.#unitEnvironment,
    );
    this.#units.set(serverId, unit);
    return unit;
  }

  /** Of a server that was deleted. */
  forget(serverId: string): void {
    this.#units.delete(serverId);
  }

  async create(
    name: string,
    cluster: ClusterRecord,
    logHalfBytes: number = this.#environment.settings.logHalfBytes,
  ): Promise<ServerRecord> {
    const { topology, clock, faults } = this.#environment;
    topology.servers.checkName(name);
    const existing = topology.servers.list().find((server) => server.clusterId === cluster.id);
    if (existing !== undefined)
      refuse(
        'cluster/full',
        `${cluster.name} has its server, ${existing.name}.`,
        'A cluster has one server in this version; create another cluster.',
        { field: 'cluster' },
      );
    const id = topology.newId();
    const server = topology.servers.put({
      id,
      name,
      ...topology.servers.filing(name, id),
      createdAtMs: clock.wallMs(),
      siteId: cluster.siteId,
      clusterId: cluster.id,
      logHalfBytes,
      power: 'on',
    });
    faults.apply();
    const why = faults.holdsDown(server);
    if (why === null) await this.unitOf(server.id).powerOn();
    else this.unitOf(server.id).crash(why);
    return server;
  }

  async powerOff(server: ServerRecord, confirm: string | undefined): Promise<void> {
    const { topology, runsWorkload } = this.#environment;
    const volumes = topology.volumes.list().filter((volume) => topology.pools.get(volume.poolId).ownerId === server.id);
    const dependent = volumes.filter(
      (volume) => topology.mirrorOfVolume(volume.id) !== undefined || runsWorkload(volume),
    );
    if (dependent.length > 0 && this.unitOf(server.id).state === 'up') {
      confirmed(
        'server',
        server.name,
        confirm,
        `${dependent.map((volume) => volume.name).join(', ')} would stop being served or mirrored.`,
      );
    }
    topology.servers.put({ ...server, power: 'off' });
    await this.unitOf(server.id).powerOff('powered off');
  }

  async powerOn(server: ServerRecord): Promise<void> {
    const { topology, faults } = this.#environment;
    topology.servers.put({ ...server, power: 'on' });
    faults.forgetCrash(server.id);
    const why = faults.holdsDown(server);
    if (why !== null)
      refuse('server/no-power', `${server.name} cannot start: ${why}.`, 'Clear the fault.', { field: 'server' });
    await this.unitOf(server.id).powerOn();
    this.reconcile();
  }

  /** Serves without the peer; only where the server knows how to. */
  async skipPeerWait(server: ServerRecord): Promise<void> {
    const { settings } = this.#environment;
    await this.unitOf(server.id).ask((face) => {
      if (!('endPeerWait' in face) || typeof face.endPeerWait !== 'function') {
        refuse(
          'server/not-supported',
          `${server.name} goes on by itself when the peer wait is over.`,
          `Wait until then, at most ${settings.peerWaitMs / 1000} s.`,
        );
      }
      (face as { endPeerWait(): void }).endPeerWait();
    });
  }

  /** At opening: every server that has power comes up, all at once. */
  async powerUp(): Promise<void> {
    const { topology, faults } = this.#environment;
    const waking = topology.servers.list().filter((server) => {
      const unit = this.unitOf(server.id);
      const why = faults.holdsDown(server) ?? (server.power === 'off' ? 'powered off' : null);
      if (why !== null) unit.crash(why);
      return why === null;
    });
    await Promise.all(
      waking.map((server) =>
        this.unitOf(server.id)
          .powerOn()
          .catch((error: unknown) => {
            this.#bootFailed(server, error);
          }),
      ),
    );
    this.reconcile();
  }

  /** After servers came up: the arrays win over the catalog. */
  reconcile(): void {
    const { topology, clock, events } = this.#environment;
    reconcile({ topology, clock, events, unitOf: (serverId) => this.unitOf(serverId) });
    void this.#environment.removal().finishPools();
  }

  /**
   * A server that could not wait in place because the file system was full (it was starting, or a sync failed) starts
   * anew once there is room: everything acknowledged is in its log (scenario 68).
   */
  resumeSuspended(): void {
    const { topology } = this.#environment;
    for (const server of topology.servers.list()) {
      const unit = this.unitOf(server.id);
      const state = unit.face?.status().state;
      if (
        state?.kind !== 'suspended' ||
        state.inPlace === true ||
        !OUT_OF_SPACE.test(state.reason) ||
        this.#resuming.has(server.id)
      )
        continue;
      this.#resuming.add(server.id);
      void this.#resume(server, state.reason).finally(() => this.#resuming.delete(server.id));
    }
  }

  async #resume(server: ServerRecord, reason: string): Promise<void> {
    const { events, storage, ending } = this.#environment;
    const freeBytes = await storage.freeBytes().catch(() => 0);
    if (freeBytes < ROOM_TO_RESUME_BYTES || ending()) return;
    const unit = this.unitOf(server.id);
    await unit.powerOff(`suspended: ${reason}; there is room again`);
    try {
      await unit.powerOn();
      events.append({
        kind: 'server/resumed',
        severity: 'notice',
        subject: `server/${server.name}`,
        message: `${server.name} serves again: the file system has ${freeBytes} free bytes`,
      });
    } catch (error) {
      this.#bootFailed(server, error);
    }
  }

  #bootFailed(server: ServerRecord, error: unknown): void {
    this.#environment.events.append({
      kind: 'server/boot-failed',
      severity: 'critical',
      subject: `server/${server.name}`,
      message: `${server.name} did not come up: ${error instanceof Error ? error.message : String(error)}`,
    });
  }

  /**
   * Resolves when no volume waits for a handshake any more, at most after the peer wait. With `present` only pairs whose
   * servers are up and linked are waited for.
   */
  async handshakes(whom: 'all' | 'present' = 'all'): Promise<void> {
    const { clock, settings, ending } = this.#environment;
    const untilMs = clock.nowMs() + settings.peerWaitMs;
    while (clock.nowMs() < untilMs && !ending() && this.#apart(whom)) await clock.sleep(20);
  }

  #apart(whom: 'all' | 'present'): boolean {
    const faces = this.#environment.topology.servers
      .list()
      .map((server) => this.unitOf(server.id).face)
      .filter((face) => face !== null);
    const up = new Set(faces.map((face) => face.id));
    return faces.some((face) => {
      const waiting = new Set(
        face.volumes().flatMap((volume) => (volume.state === 'waiting' ? [volume.relationshipId ?? ''] : [])),
      );
      if (whom === 'all' && waiting.size > 0) return true;
      return face
        .relationships()
        .some(
          ({ id, peerServerId, connected }) =>
            up.has(peerServerId) && this.#linked(face.id, peerServerId) && (!connected || waiting.has(id)),
        );
    });
  }

  #linked(a: string, b: string): boolean {
    const { network } = this.#environment;
    const { up } = network.linkOf(a, b);
    return typeof up === 'boolean' ? up : up.aToB && up.bToA;
  }

  #report(serverId: string, event: ServerEvent): void {
    const { topology, events, changed, closed } = this.#environment;
    if (closed()) return;
    const server = topology.nameOf(serverId);
    const subject =
      topology.subjectOf(event.subject) ?? (event.subject.includes('/') ? event.subject : `server/${server}`);
    events.append({
      kind: event.kind,
      severity: event.severity,
      subject,
      message: event.message,
      details: { ...event.details, server },
    });
    changed();
  }

  /** All servers off as if the power had gone: of a lab that was only looked at. */
  async drop(cause = 'the look is over'): Promise<void> {
    const units = this.#environment.topology.servers.list().map((server) => this.unitOf(server.id));
    for (const unit of units) unit.crash(cause);
    await Promise.all(units.map((unit) => unit.rested()));
  }

  /** All servers off, gracefully. */
  async close(): Promise<void> {
    const servers = this.#environment.topology.servers.list();
    await Promise.all(servers.map((server) => this.unitOf(server.id).powerOff('the host ended')));
  }
}

import type { DirectionTraffic, LinkSettings } from './link-direction.ts';
import { Link, LinkSession, type Endpoint } from './link-session.ts';
import { assert, type Clock, type Network, type Random, type Session } from './types.ts';

/** A dial that fails takes at least this long, so that a caller without a pause cannot spin. */
const DIAL_FAILURE_MS = 1;

/**
 * The links between servers, as one model for the laboratory and for the simulator. Servers are addressed by id; each
 * pair has one link with a direction each way; unset links are perfect. Frames are copied at `send`, arrive whole, in
 * order and exactly once unless loss, duplication or reordering were asked for. A cut link closes its sessions at both
 * ends after `closeDetectMs`.
 */
export class LinkNetwork {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #closeDetectMs: number;
  readonly #links = new Map<string, Link>();
  readonly #endpoints = new Map<string, Endpoint>();
  #nextTurn: (() => void)[] = [];

  constructor(clock: Clock, random: Random, options: { readonly closeDetectMs?: number } = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#closeDetectMs = options.closeDetectMs ?? 1000;
  }

  /** The network as a new incarnation of `serverId` sees it; the one before must have been detached. */
  endpoint(serverId: string): Network {
    assert(!this.#endpoints.has(serverId), `server ${serverId} has one endpoint at a time`);
    const endpoint: Endpoint = { serverId, listener: undefined, sessions: new Set(), alive: true };
    this.#endpoints.set(serverId, endpoint);
    return {
      listen: (onSession) => {
        assert(endpoint.listener === undefined || !endpoint.alive, `server ${serverId} has one listener at a time`);
        if (!endpoint.alive) return { close: () => {} };
        endpoint.listener = onSession;
        return {
          close: () => {
            if (endpoint.listener === onSession) endpoint.listener = undefined;
          },
        };
      },
      dial: (address) => this.#dial(endpoint, address),
    };
  }

  /**
   * The server's power is cut: its listener and sessions end without a word on its side; each peer gets `onClose` after
   * `closeDetectMs`, or at its next send when the server is back by then.
   */
  detach(serverId: string): void {
    const endpoint = this.#endpoints.get(serverId);
    if (endpoint === undefined) return;
    this.#endpoints.delete(serverId);
    endpoint.alive = false;
    endpoint.listener = undefined;
    for (const session of endpoint.sessions) session.vanish();
    endpoint.sessions.clear();
  }

  /** Sets the whole behaviour of the link between `a` and `b`. Frames already on their way keep their times. */
  setLink(a: string, b: string, settings: LinkSettings): void {
    const link = this.#link(a, b);
    const { up } = settings;
    link.settings = settings;
    link.directionFrom(a).setUp(typeof up === 'boolean' ? up : up.aToB);
    link.directionFrom(b).setUp(typeof up === 'boolean' ? up : up.bToA);
    if (link.up) return;
    for (const session of link.sessions) session.closeBothEnds('link cut');
  }

  /** The settings of the link; `up` speaks of `a` and `b` as given here. */
  linkOf(a: string, b: string): LinkSettings {
    const link = this.#link(a, b);
    return { ...link.settings, up: { aToB: link.directionFrom(a).up, bToA: link.directionFrom(b).up } };
  }

  /** What went each way since the beginning. */
  traffic(a: string, b: string): { readonly aToB: DirectionTraffic; readonly bToA: DirectionTraffic } {
    const link = this.#link(a, b);
    return { aToB: { ...link.directionFrom(a).traffic }, bToA: { ...link.directionFrom(b).traffic } };
  }

  #link(a: string, b: string): Link {
    assert(a !== b, `a link joins two servers, not ${a} with itself`);
    const key = a < b ? `${a}\n${b}` : `${b}\n${a}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      const turn = (run: () => void): void => this.#onNextTurn(run);
      link = new Link(a, this.#clock, this.#random, turn);
      this.#links.set(key, link);
    }
    return link;
  }

  async #dial(from: Endpoint, address: string): Promise<Session> {
    if (!from.alive) return new Promise<Session>(() => {});
    const link = this.#link(from.serverId, address);
    return new Promise<Session>((resolve, reject) => {
      const refuse = (why: string): void => {
        const delayMs = Math.max(DIAL_FAILURE_MS, 2 * link.settings.latencyMs);
        this.#clock.after(delayMs, () =>
          reject(new Error(`${address} cannot be reached from ${from.serverId}: ${why}`)),
        );
      };
      if (!link.up) return refuse('link is down');
      const there = link.directionFrom(from.serverId);
      const back = link.directionFrom(address);
      there.carry(0, {
        arrive: () => {
          const to = this.#endpoints.get(address);
          const listener = to?.listener;
          if (to === undefined || listener === undefined) return refuse('nobody listens');
          if (!from.alive) return;
          const dialled = new LinkSession(
            address,
            link,
            there,
            from,
            this.#clock,
            this.#closeDetectMs,
            this.#endpoints,
          );
          const accepted = new LinkSession(
            from.serverId,
            link,
            back,
            to,
            this.#clock,
            this.#closeDetectMs,
            this.#endpoints,
          );
          dialled.join(accepted);
          // Before the listener runs, so that what it sends at once comes after the session itself.
          back.carry(0, { arrive: () => resolve(dialled), drop: () => refuse('link was cut') });
          listener(accepted);
        },
        drop: () => refuse('link was cut'),
      });
    });
  }

  /** One scheduling shared by all frames that take no time. */
  #onNextTurn(run: () => void): void {
    this.#nextTurn.push(run);
    if (this.#nextTurn.length > 1) return;
    this.#clock.after(0, () => {
      const due = this.#nextTurn;
      this.#nextTurn = [];
      for (const each of due) each();
    });
  }
}

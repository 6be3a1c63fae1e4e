import type { QueryClient } from '@tanstack/react-query';
import type { HostStatus, Live } from '../../src-engine/contract/index.ts';
import { applyLive, initialState, useLive } from './store.ts';
import { openTransport, SessionEndedError, type Client, type Transport } from './transport.ts';

/** At most ten renders a second come from the stream. */
const RENDER_EVERY_MS = 100;
const INVALIDATE_EVERY_MS = 500;
const HOST_POLL_MS = 700;
const RETRY_MS = [250, 500, 1000, 2000, 3000] as const;

let current: Transport | null = null;

/** The client of the present connection. Calls made without one fail with a sentence, and the banner says the rest. */
export function rpc(): Client {
  if (current === null) throw new Error('There is no connection to the engine at the moment.');
  return current.client;
}

// Between attempts to reach a host that is away: nothing announces its return.
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Collects messages and hands them on in bundles, so that a burst costs one render. */
class Coalescer {
  private pending: Live[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private invalidateAt = 0;
  private readonly queries: QueryClient;
  private readonly over: AbortSignal;

  constructor(queries: QueryClient, over: AbortSignal) {
    this.queries = queries;
    this.over = over;
  }

  push(message: Live): void {
    this.pending.push(message);
    this.timer ??= setTimeout(() => this.flush(), message.kind === 'snapshot' ? 0 : RENDER_EVERY_MS);
  }

  private flush(): void {
    this.timer = undefined;
    // What an ended connection still held must not fall on top of the next one's snapshot.
    if (this.over.aborted) return;
    const messages = this.pending;
    this.pending = [];
    const before = useLive.getState();
    const after = messages.reduce(applyLive, before);
    useLive.setState(after);
    if (after.lastEventId === before.lastEventId) return;
    // Something happened: what was asked for once may be stale. One round in half a second is enough.
    const wait = Math.max(0, this.invalidateAt - Date.now());
    this.invalidateAt = Date.now() + wait + INVALIDATE_EVERY_MS;
    setTimeout(() => void this.queries.invalidateQueries({ queryKey: ['lab'] }), wait);
  }
}

async function followLab(transport: Transport, coalescer: Coalescer, over: AbortSignal): Promise<void> {
  const stream = await transport.client.live.follow({}, { signal: over });
  for await (const message of stream) {
    if (over.aborted) return;
    coalescer.push(message);
    if (useLive.getState().connection !== 'live') useLive.setState({ connection: 'live' });
  }
}

function setHost(host: HostStatus): void {
  const known = useLive.getState().host;
  const same =
    known?.lab === host.lab && known.engineStarts === host.engineStarts && known.error?.message === host.error?.message;
  if (!same) useLive.setState({ host });
}

/** While the transport lives: waits for an open lab, then follows it; again when the lab closes. */
async function serve(transport: Transport, coalescer: Coalescer, over: AbortSignal): Promise<void> {
  for (;;) {
    const host = await transport.client.host.status({});
    if (over.aborted) return;
    setHost(host);
    if (host.lab === 'open') {
      try {
        await followLab(transport, coalescer, over);
      } catch {
        // The stream broke but the host may still answer; it says next whether the lab is there.
      }
      if (over.aborted) return;
      useLive.setState({ connection: 'lost' });
    } else {
      useLive.setState({ connection: 'live', ready: false });
    }
    await pause(HOST_POLL_MS);
  }
}

/** Connects and stays connected until the returned function is called. Never throws. */
export function connect(queries: QueryClient, open: () => Promise<Transport> = openTransport): () => void {
  let stopped = false;
  let end = new AbortController();
  const run = async (): Promise<void> => {
    let failures = 0;
    while (!stopped) {
      try {
        const transport = await open();
        if (stopped) return transport.close();
        current = transport;
        useLive.setState({ sessionEnded: false });
        end = new AbortController();
        failures = 0;
        void queries.invalidateQueries();
        await Promise.race([transport.closed, serve(transport, new Coalescer(queries, end.signal), end.signal)]);
        end.abort();
        transport.close();
      } catch (error) {
        end.abort();
        failures += 1;
        useLive.setState({ sessionEnded: error instanceof SessionEndedError });
      }
      if (stopped) return;
      current = null;
      if (useLive.getState().host !== null) useLive.setState({ connection: 'lost' });
      await pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 1000);
    }
  };
  void run();
  return () => {
    stopped = true;
    end.abort();
    current?.close();
    current = null;
    useLive.setState(initialState);
  };
}

import type { Clock, Network, Runtime, Session, Storage, StorageFile, Timer } from './types.ts';

/** A revocable view of a runtime: what one incarnation of one server gets while its process lives on. */
export interface Incarnation {
  readonly runtime: Runtime;
  /** The storage as this incarnation may see it; revoked with it. */
  wrapStorage(storage: Storage): Storage;
  /**
   * From now on nothing of the incarnation acts: pending and later promises never settle, timers and callbacks never
   * fire, later calls have no effect. Its sessions are closed towards the peers; to let them vanish silently, as in a
   * power cut, call `LinkNetwork.detach` first. Idempotent.
   */
  revoke(): void;
  /**
   * Settles when no storage operation that the incarnation had begun is still under way below, and its files are
   * closed. Wait for it before the next incarnation opens the same files: a write still in the thread pool would land late.
   */
  drained(): Promise<void>;
}

/** Makes a revocable view of `base`. Clock readings, hashes and random numbers pass through. */
export function incarnate(base: Runtime): Incarnation {
  const gate = new Gate();
  const clock = gate.clock(base.clock);
  const network = gate.network(base.network);
  const runtime: Runtime = {
    clock,
    network,
    random: base.random,
    hash: base.hash,
    log: {
      write: (level, message, fields) => {
        if (gate.live) base.log.write(level, message, fields);
      },
    },
    covered: (mark) => {
      if (gate.live) base.covered(mark);
    },
    planted: (bug) => base.planted(bug),
  };
  return {
    runtime,
    wrapStorage: (storage) => gate.storage(storage),
    revoke: () => gate.close(),
    drained: () => gate.drained(),
  };
}

/** A promise that nobody will ever settle; the garbage collector takes it with whoever waits. */
function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

const DEAD_TIMER: Timer = { cancel: () => {} };

class Gate {
  live = true;
  readonly #timers = new Set<Timer>();
  readonly #sessions = new Set<Session>();
  readonly #files = new Set<StorageFile>();
  readonly #listeners = new Set<{ close(): void }>();
  #underWay = 0;
  #onIdle: (() => void)[] = [];

  close(): void {
    if (!this.live) return;
    this.live = false;
    for (const timer of this.#timers) timer.cancel();
    for (const listener of this.#listeners) listener.close();
    for (const session of this.#sessions) session.close();
    this.#timers.clear();
    this.#listeners.clear();
    this.#sessions.clear();
  }

  async drained(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    const files = [...this.#files];
    this.#files.clear();
    await Promise.all(files.map((file) => file.close().catch(() => undefined))); // a dead server's file: nobody is left to tell
  }

  clock(base: Clock): Clock {
    const after = (delayMs: number, fire: () => void): Timer => {
      if (!this.live) return DEAD_TIMER;
      const below = base.after(delayMs, () => {
        this.#timers.delete(below);
        if (this.live) fire();
      });
      this.#timers.add(below);
      return {
        cancel: () => {
          this.#timers.delete(below);
          below.cancel();
        },
      };
    };
    return {
      nowMs: () => base.nowMs(),
      wallMs: () => base.wallMs(),
      after,
      sleep: (delayMs) => new Promise<void>((resolve) => void after(delayMs, resolve)),
    };
  }

  network(base: Network): Network {
    return {
      listen: (onSession) => {
        if (!this.live) return { close: () => {} };
        const handle = base.listen((session) => {
          if (this.live) onSession(this.#session(session));
        });
        this.#listeners.add(handle);
        return {
          close: () => {
            this.#listeners.delete(handle);
            handle.close();
          },
        };
      },
      dial: async (address) => {
        if (!this.live) return never();
        const dialled = base.dial(address);
        // A dial that succeeds after the end leaves a session which nobody holds.
        dialled.then(
          (session) => {
            if (!this.live) session.close();
          },
          () => undefined,
        );
        return this.#session(
          await new Promise<Session>((resolve, reject) => {
            dialled.then(
              (session) => {
                if (this.live) resolve(session);
              },
              (error: unknown) => {
                if (this.live) reject(asError(error));
              },
            );
          }),
        );
      },
    };
  }

  #session(base: Session): Session {
    const isLive = (): boolean => this.live;
    const sessions = this.#sessions;
    this.#sessions.add(base);
    let onFrame: Session['onFrame'] = () => {};
    let onClose: Session['onClose'] = () => {};
    return {
      peer: base.peer,
      send: (frame) => {
        if (this.live) base.send(frame);
      },
      release: (frame) => { base.release(frame); },
      get bufferedBytes() {
        return base.bufferedBytes;
      },
      get onFrame() {
        return onFrame;
      },
      set onFrame(handler) {
        onFrame = handler;
        base.onFrame = (frame) => {
          if (isLive()) onFrame(frame);
        };
      },
      get onClose() {
        return onClose;
      },
      set onClose(handler) {
        onClose = handler;
        base.onClose = (reason) => {
          sessions.delete(base);
          if (isLive()) onClose(reason);
        };
      },
      close: () => {
        this.#sessions.delete(base);
        if (this.live) base.close();
      },
    };
  }

  storage(base: Storage): Storage {
    return {
      open: async (path, options) => {
        if (!this.live) return never();
        const opening = base.open(path, options).then((file) => {
          this.#files.add(file);
          return file;
        });
        return this.#file(await this.#guard(opening));
      },
      exists: (path) => this.#run(() => base.exists(path)),
      list: (prefix) => this.#run(() => base.list(prefix)),
      remove: (path) => this.#run(() => base.remove(path)),
      rename: (from, to) => this.#run(() => base.rename(from, to)),
      freeBytes: () => this.#run(() => base.freeBytes()),
    };
  }

  #file(base: StorageFile): StorageFile {
    return {
      path: base.path,
      get size() {
        return base.size;
      },
      read: (into, at) => this.#run(() => base.read(into, at)),
      write: (buffers, at) => this.#run(() => base.write(buffers, at)),
      sync: () => this.#run(() => base.sync()),
      commit: (buffers, at) => this.#run(() => base.commit(buffers, at)),
      discard: (at, length) => this.#run(() => base.discard(at, length)),
      close: () =>
        this.#run(() => {
          this.#files.delete(base);
          return base.close();
        }),
    };
  }

  #run<T>(call: () => Promise<T>): Promise<T> {
    return this.live ? this.#guard(call()) : never();
  }

  /** Passes an outcome on only while the incarnation lives, and counts what is under way. */
  #guard<T>(promise: Promise<T>): Promise<T> {
    this.#underWay++;
    return new Promise<T>((resolve, reject) => {
      promise.then(
        (value) => {
          this.#finished();
          if (this.live) resolve(value);
        },
        (error: unknown) => {
          this.#finished();
          if (this.live) reject(asError(error));
        },
      );
    });
  }

  #finished(): void {
    if (--this.#underWay > 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(`not an error: ${String(error)}`);
}

import { describe, expect, it } from 'vitest';
import { LinkNetwork, type Clock, type LinkSettings, type Session } from '../../src-engine/runtime/index.ts';
import { createSimulatedWorld, type SimulatedWorld } from '../../src-engine/runtime/simulated/index.ts';

interface Pair {
  readonly world: SimulatedWorld;
  /** The side that dialled, server `a`. */
  readonly near: Session;
  /** The side that listened, server `b`. */
  readonly far: Session;
  readonly atFar: number[];
  readonly closed: string[];
}

async function connect(settings: LinkSettings, seed = 1): Promise<Pair> {
  const world = createSimulatedWorld({ seed });
  world.links.setLink('a', 'b', settings);
  const atFar: number[] = [];
  const closed: string[] = [];
  let far: Session | undefined;
  world.links.endpoint('b').listen((session) => {
    far = session;
    session.onFrame = (frame) => atFar.push(numberIn(frame));
    session.onClose = (reason) => closed.push(`far: ${reason}`);
  });
  const near = await world.settle(world.links.endpoint('a').dial('b'));
  near.onClose = (reason) => closed.push(`near: ${reason}`);
  if (far === undefined) throw new Error('nobody accepted');
  return { world, near, far, atFar, closed };
}

function frameOf(value: number): readonly Uint8Array[] {
  return [Uint8Array.of(value >> 8), Uint8Array.of(value & 255)];
}

function numberIn(frame: Uint8Array): number {
  return ((frame[0] ?? 0) << 8) | (frame[1] ?? 0);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('a link', () => {
  for (const [name, settings] of [
    ['perfect', { latencyMs: 0, up: true }],
    ['slow', { latencyMs: 5, up: true }],
    ['jittery', { latencyMs: 5, jitterMs: 20, up: true }],
    ['narrow', { latencyMs: 0, bandwidthBytesPerSecond: 1000, up: true }],
  ] as const) {
    it(`that is ${name} delivers every frame once and in order`, async () => {
      const { world, near, atFar } = await connect(settings);
      for (const i of upTo(300)) {
        near.send(frameOf(i));
        if (i % 7 === 0) await world.step();
      }
      expect(await world.runUntil(() => atFar.length >= 300, 10_000)).toBe(true);
      expect(atFar).toEqual(upTo(300));
    });
  }

  it('never delivers inside `send`, and copies the bytes', async () => {
    const { world, near, atFar } = await connect({ latencyMs: 0, up: true });
    const frame = Uint8Array.of(0, 9);
    near.send([frame]);
    frame[1] = 1;
    expect(atFar).toEqual([]);
    await world.runUntil(() => atFar.length > 0, 10);
    expect(atFar).toEqual([9]);
  });

  it('takes its latency each way', async () => {
    const { world, near, far, atFar } = await connect({ latencyMs: 50, up: true });
    let backAtMs = 0;
    near.onFrame = () => (backAtMs = world.nowMs);
    const startMs = world.nowMs;
    near.send(frameOf(1));
    await world.runUntil(() => atFar.length > 0, 1000);
    expect(world.nowMs - startMs).toBeCloseTo(50);
    far.send(frameOf(2));
    await world.runUntil(() => backAtMs > 0, 1000);
    expect(backAtMs - startMs).toBeCloseTo(100);
  });

  it('keeps to its bandwidth and tells what has not left yet', async () => {
    const { world, near, atFar } = await connect({ latencyMs: 10, bandwidthBytesPerSecond: 10_000, up: true });
    const startMs = world.nowMs;
    for (let i = 0; i < 10; i++) near.send([new Uint8Array(1000)]);
    expect(near.bufferedBytes).toBe(10_000);
    await world.run({ untilMs: startMs + 500 });
    expect(near.bufferedBytes).toBe(5000);
    await world.runUntil(() => atFar.length === 10, 10_000);
    expect(world.nowMs - startMs).toBeCloseTo(1010);
    expect(near.bufferedBytes).toBe(0);
  });

  it('keeps the order when its latency shrinks in between', async () => {
    const { world, near, atFar } = await connect({ latencyMs: 50, up: true });
    near.send(frameOf(1));
    world.links.setLink('a', 'b', { latencyMs: 0, up: true });
    near.send(frameOf(2));
    await world.runUntil(() => atFar.length === 2, 1000);
    near.send(frameOf(3));
    world.links.setLink('a', 'b', { latencyMs: 1, up: true });
    near.send(frameOf(4));
    await world.runUntil(() => atFar.length === 4, 1000);
    expect(atFar).toEqual([1, 2, 3, 4]);
  });

  it('keeps the order when the shared turn comes later than a timer', async () => {
    const world = createSimulatedWorld({ seed: 1 });
    const clock: Clock = {
      ...world.clock,
      after: (delayMs, fire) => world.clock.after(delayMs === 0 ? 5 : delayMs, fire),
    };
    const links = new LinkNetwork(clock, world.random);
    const seen: number[] = [];
    links.endpoint('b').listen((session) => (session.onFrame = (frame) => seen.push(numberIn(frame))));
    const session = await world.settle(links.endpoint('a').dial('b'));
    session.send(frameOf(1));
    links.setLink('a', 'b', { latencyMs: 1, up: true });
    session.send(frameOf(2));
    await world.runUntil(() => seen.length === 2, 1000);
    expect(seen).toEqual([1, 2]);
  });

  it('loses, repeats and reorders only when asked to', async () => {
    const lossy = await connect({ latencyMs: 1, lossProbability: 0.3, up: true });
    for (const i of upTo(200)) lossy.near.send(frameOf(i));
    await lossy.world.run({ untilMs: 1000 });
    expect(lossy.atFar.length).toBeGreaterThan(100);
    expect(lossy.atFar.length).toBeLessThan(180);
    expect(lossy.atFar).toEqual([...lossy.atFar].sort((x, y) => x - y));

    const repeating = await connect({ latencyMs: 1, duplicateProbability: 0.3, up: true });
    for (const i of upTo(200)) repeating.near.send(frameOf(i));
    await repeating.world.run({ untilMs: 1000 });
    expect(new Set(repeating.atFar).size).toBe(200);
    expect(repeating.atFar.length).toBeGreaterThan(220);

    const reordering = await connect({ latencyMs: 1, reorderProbability: 0.3, up: true });
    for (const i of upTo(200)) reordering.near.send(frameOf(i));
    await reordering.world.run({ untilMs: 1000 });
    expect([...reordering.atFar].sort((x, y) => x - y)).toEqual(upTo(200));
    expect(reordering.atFar).not.toEqual(upTo(200));
  });

  it('counts frames and bytes per direction', async () => {
    const { world, near, far } = await connect({ latencyMs: 1, up: true });
    near.send([new Uint8Array(10), new Uint8Array(5)]);
    far.send([new Uint8Array(7)]);
    far.send([new Uint8Array(7)]);
    await world.run({ untilMs: 100 });
    const { aToB, bToA } = world.links.traffic('a', 'b');
    expect(aToB).toEqual({ sentFrames: 1, sentBytes: 15, deliveredFrames: 1, deliveredBytes: 15, droppedFrames: 0 });
    expect(bToA).toMatchObject({ sentFrames: 2, deliveredBytes: 14 });
    expect(world.links.traffic('b', 'a').aToB).toEqual(bToA);
  });

  it('uses one timer for many frames that take no time', async () => {
    const world = createSimulatedWorld({ seed: 1 });
    let timers = 0;
    const clock: Clock = {
      ...world.clock,
      after: (delayMs, fire) => {
        timers++;
        return world.clock.after(delayMs, fire);
      },
    };
    const links = new LinkNetwork(clock, world.random);
    let frames = 0;
    links.endpoint('b').listen((session) => (session.onFrame = () => frames++));
    const session = await world.settle(links.endpoint('a').dial('b'));
    timers = 0;
    for (let i = 0; i < 1000; i++) session.send([new Uint8Array(1)]);
    await world.runUntil(() => frames === 1000, 10);
    expect([frames, timers]).toEqual([1000, 1]);
  });
});

describe('a cut link', () => {
  it('drops what is in flight, closes both ends after the detection time and refuses dials', async () => {
    const { world, near, atFar, closed } = await connect({ latencyMs: 10, up: true });
    near.send(frameOf(1));
    const cutAtMs = world.nowMs;
    world.links.setLink('a', 'b', { latencyMs: 10, up: false });
    near.send(frameOf(2));
    await world.run({ untilMs: cutAtMs + 999 });
    expect([atFar, closed]).toEqual([[], []]);
    await world.run({ untilMs: cutAtMs + 1000 });
    expect(closed.sort()).toEqual(['far: link cut', 'near: link cut']);
    world.links.detach('a');
    await expect(world.settle(world.links.endpoint('a').dial('b'))).rejects.toThrow('cannot be reached');
  });

  it('does not close a hole in the stream by healing early', async () => {
    const { world, near, atFar, closed } = await connect({ latencyMs: 10, up: true });
    near.send(frameOf(1));
    world.links.setLink('a', 'b', { latencyMs: 10, up: false });
    near.send(frameOf(2));
    world.links.setLink('a', 'b', { latencyMs: 10, up: true });
    near.send(frameOf(3));
    await world.run({ untilMs: 5000 });
    expect(atFar).toEqual([]);
    expect(closed).toHaveLength(2);
  });

  it('in one direction lets the other through until the sessions close', async () => {
    const { world, near, far, atFar, closed } = await connect({ latencyMs: 10, up: true });
    let atNear = 0;
    near.onFrame = () => atNear++;
    world.links.setLink('b', 'a', { latencyMs: 10, up: { aToB: true, bToA: false } });
    near.send(frameOf(1));
    far.send(frameOf(2));
    await world.run({ untilMs: world.nowMs + 500 });
    expect([atNear, atFar]).toEqual([1, []]);
    await world.run({ untilMs: world.nowMs + 1000 });
    expect(closed).toHaveLength(2);
  });
});

describe('a session', () => {
  it('that is closed tells the peer once, after the frames sent before', async () => {
    const { world, near, atFar, closed } = await connect({ latencyMs: 3, up: true });
    near.send(frameOf(1));
    near.close();
    near.close();
    near.send(frameOf(2));
    await world.run({ untilMs: 5000 });
    expect([atFar, closed]).toEqual([[1], ['far: closed by the peer']]);
  });

  it('keeps what arrives before its handler is set', async () => {
    for (const latencyMs of [0, 2]) {
      const world = createSimulatedWorld({ seed: 1 });
      world.links.setLink('a', 'b', { latencyMs, up: true });
      world.links.endpoint('b').listen((session) => {
        for (const i of upTo(3)) session.send(frameOf(i));
        session.close();
      });
      const session = await world.settle(world.links.endpoint('a').dial('b'));
      await world.run({ untilMs: 100 });
      const seen: (number | string)[] = [];
      session.onFrame = (frame) => seen.push(numberIn(frame));
      session.onClose = (reason) => seen.push(reason);
      await world.run({ untilMs: 200 });
      expect(seen).toEqual([0, 1, 2, 'closed by the peer']);
    }
  });

  it('of a server that lost power ends without a word there, and after a while here', async () => {
    const { world, far, closed } = await connect({ latencyMs: 3, up: true });
    world.links.detach('a');
    const crashedAtMs = world.nowMs;
    far.send(frameOf(1));
    await world.run({ untilMs: crashedAtMs + 999 });
    expect(closed).toEqual([]);
    await world.run({ untilMs: crashedAtMs + 1000 });
    expect(closed).toEqual(['far: no answer from the peer']);
  });

  it('with a server that came back is refused at the next send', async () => {
    const { world, far, closed } = await connect({ latencyMs: 3, up: true });
    world.links.detach('a');
    world.links.endpoint('a');
    far.send(frameOf(1));
    await world.run({ untilMs: world.nowMs + 10 });
    expect(closed).toEqual(['far: the peer was restarted']);
  });

  it('cannot be dialled where nobody listens', async () => {
    const world = createSimulatedWorld({ seed: 1 });
    const dial = world.links.endpoint('a').dial('b');
    await expect(world.settle(dial)).rejects.toThrow('nobody listens');
    expect(world.nowMs).toBeGreaterThan(0);
  });
});

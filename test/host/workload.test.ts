import { describe, expect, it } from 'vitest';
import {
  audit,
  BLOCK_BYTES,
  defaultSettings,
  Ledger,
  Workload,
  WORKLOAD_PROFILES,
  type AuditFinding,
  type BlockTarget,
} from '../../src-engine/host/index.ts';
import { ManualClock, MemoryStorage, seededRandom } from './memory.ts';

const BLOCKS = 256;

/** A volume whose every request takes 1 ms of the manual clock. */
class SlowVolume implements BlockTarget {
  readonly sizeBytes = BLOCKS * BLOCK_BYTES;
  readonly bytes = new Uint8Array(BLOCKS * BLOCK_BYTES);
  readonly clock: ManualClock;
  inFlight = 0;
  mostInFlight = 0;
  fail = false;
  constructor(clock: ManualClock) {
    this.clock = clock;
  }
  async #take(): Promise<void> {
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    await this.clock.sleep(1);
    this.inFlight -= 1;
    if (this.fail) throw new Error('offline');
  }
  async read(offset: number, length: number): Promise<Uint8Array> {
    await this.#take();
    return this.bytes.slice(offset, offset + length);
  }
  async write(offset: number, data: Uint8Array): Promise<void> {
    await this.#take();
    this.bytes.set(data, offset);
  }
}

async function setUp() {
  const clock = new ManualClock();
  const storage = new MemoryStorage();
  const opened = await Ledger.open({
    storage,
    path: 'v.ledger',
    random: seededRandom(3),
    wallMs: 1,
    volumeBlocks: BLOCKS,
    capacityBytes: 1 << 20,
  });
  if (!opened.ok) throw new Error('ledger');
  const findings: AuditFinding[] = [];
  const volume = new SlowVolume(clock);
  return {
    clock,
    storage,
    ledger: opened.ledger,
    volume,
    findings,
    random: seededRandom(5),
    onViolation: (finding: AuditFinding) => findings.push(finding),
  };
}

describe('a workload', () => {
  for (const profile of WORKLOAD_PROFILES) {
    it(`writes verifiably with the profile ${profile} and keeps its queue depth`, async () => {
      const world = await setUp();
      const settings = { ...defaultSettings(profile), queueDepth: 4, readPercent: 40 };
      const workload = new Workload({ ...world, target: world.volume, settings });
      await world.clock.advance(200);
      const stopping = workload.stop();
      await world.clock.advance(200);
      await stopping;
      expect(world.volume.mostInFlight).toBe(4);
      expect(workload.status().acknowledgedWrites).toBeGreaterThan(50);
      expect(workload.status().readBlocks).toBeGreaterThan(50);
      expect(world.findings).toEqual([]);
      const result = await audit(world.ledger, {
        sizeBytes: world.volume.sizeBytes,
        read: async (o, l) => world.volume.bytes.slice(o, o + l),
        write: async () => undefined,
      });
      expect(result).toMatchObject({
        acknowledged: workload.status().acknowledgedWrites,
        verified: result.acknowledged,
        lost: 0,
        torn: 0,
        stale: 0,
        misplaced: 0,
      });
    });
  }
  it('keeps to its rate', async () => {
    const world = await setUp();
    const workload = new Workload({
      ...world,
      target: world.volume,
      settings: { ...defaultSettings('random'), ratePerSecond: 100 },
    });
    await world.clock.advance(1000);
    expect(workload.status().acknowledgedWrites).toBeGreaterThanOrEqual(95);
    expect(workload.status().acknowledgedWrites).toBeLessThanOrEqual(102);
  });
  it('pauses with nothing in flight and goes on afterwards', async () => {
    const world = await setUp();
    const workload = new Workload({ ...world, target: world.volume, settings: defaultSettings('random') });
    await world.clock.advance(20);
    const paused = workload.pause();
    await world.clock.advance(20);
    await paused;
    expect(world.volume.inFlight).toBe(0);
    const before = workload.status().acknowledgedWrites;
    await world.clock.advance(100);
    expect(workload.status().acknowledgedWrites).toBe(before);
    workload.resume();
    await world.clock.advance(50);
    expect(workload.status().acknowledgedWrites).toBeGreaterThan(before);
  });
  it('stalls while the volume does not answer, leaves the fate of those writes open, and recovers', async () => {
    const world = await setUp();
    const workload = new Workload({ ...world, target: world.volume, settings: defaultSettings('random') });
    await world.clock.advance(20);
    world.volume.fail = true;
    await world.clock.advance(300);
    expect(workload.status()).toMatchObject({ state: 'running', stalled: true, lastError: 'offline' });
    const before = world.ledger.acknowledgedWrites;
    world.volume.fail = false;
    await world.clock.advance(300);
    expect(workload.status().stalled).toBe(false);
    expect(world.ledger.acknowledgedWrites).toBeGreaterThan(before);
  });
  it('reports at once when a read breaks a promise', async () => {
    const world = await setUp();
    const workload = new Workload({
      ...world,
      target: world.volume,
      settings: { ...defaultSettings('random'), readPercent: 50 },
    });
    await world.clock.advance(100);
    world.volume.bytes.fill(0);
    await world.clock.advance(300);
    expect(workload.status().violations).toBeGreaterThan(0);
    expect(world.findings[0]?.kind).toBe('lost');
  });
  it('ends as failed when its ledger cannot be written', async () => {
    const world = await setUp();
    let reason = '';
    const workload = new Workload({
      ...world,
      target: world.volume,
      settings: defaultSettings('random'),
      onFailed: (why) => {
        reason = why;
      },
    });
    await world.clock.advance(10);
    world.storage.failWrites = true;
    await world.clock.advance(300);
    expect(workload.status().state).toBe('failed');
    expect(reason).toContain('device full');
  });
});

import { describe, expect, it } from 'vitest';
import { FrameMemory } from '../../src-engine/runtime/frame-memory.ts';
import { nodeClock } from '../../src-engine/runtime/node/clock.ts';

const MIB = 1024 * 1024;
const parts = (fill: number, length = 2 * MIB): readonly Uint8Array[] => [Uint8Array.of(fill), new Uint8Array(length - 1).fill(fill)];

describe('memory of frames', () => {
  it('carries another frame only after its receiver gave it back, and holds exactly that frame then', () => {
    const memory = new FrameMemory();
    const kept = memory.copyOf(parts(1));
    const done = memory.copyOf(parts(2));
    expect(done.buffer).not.toBe(kept.buffer);
    memory.release(done.buffer);
    const next = memory.copyOf(parts(3, 2 * MIB - 100));
    expect(next.buffer).toBe(done.buffer);
    expect(next.length).toBe(2 * MIB - 100);
    expect(next.every((byte) => byte === 3)).toBe(true);
    expect(kept.every((byte) => byte === 1)).toBe(true);
  });

  it('given back twice is lent once, and what it never lent is not taken', () => {
    const memory = new FrameMemory();
    const frame = memory.copyOf(parts(1));
    memory.release(frame.buffer);
    memory.release(frame.buffer);
    memory.release(new ArrayBuffer(2 * MIB));
    const buffers = new Set([memory.copyOf(parts(2)).buffer, memory.copyOf(parts(3)).buffer, memory.copyOf(parts(4)).buffer]);
    expect(buffers.size).toBe(3);
    const small = memory.copyOf(parts(5, 100));
    memory.release(small.buffer);
    expect(memory.copyOf(parts(6, 100)).buffer).not.toBe(small.buffer);
  });
});

describe('the clock of the machine', () => {
  it('tells the longest time in which the event loop stood still', async () => {
    nodeClock.longestStallMs?.();
    await nodeClock.sleep(30);
    const untilMs = nodeClock.nowMs() + 80;
    while (nodeClock.nowMs() < untilMs);
    await nodeClock.sleep(30);
    expect(nodeClock.longestStallMs?.()).toBeGreaterThanOrEqual(60);
  });
});

import { describe, expect, test } from 'vitest';
import {
  HALF_HEADER_BYTES,
  makeRecord,
  jsonPayload,
  readJsonPayload,
  type SealedHalf,
} from '../../src-engine/nvlog/index.ts';
import { Machine, sequences, texts, write } from './memory-files.ts';

async function appendAll(
  log: Awaited<ReturnType<Machine['create']>>,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const sequence = log.append(write(name));
    expect(sequence).not.toBeNull();
    await log.whenDurable(sequence ?? 0);
  }
}

describe('group commit', () => {
  test('everything that one turn appends shares one sync', async () => {
    const machine = new Machine();
    const log = await machine.create();
    const before = machine.file(0).syncs;
    for (let i = 0; i < 10; i += 1) log.append(write(`w${i}`));
    await log.whenDurable(log.lastSequence);
    expect(machine.file(0).syncs - before).toBe(1);
  });

  test('appends that arrive while a commit runs gather and share the next one', async () => {
    const machine = new Machine();
    const log = await machine.create();
    const file = machine.file(0);
    const before = file.syncs;
    let arrivals = 0;
    file.beforeSync = () => {
      if (arrivals > 0) return;
      for (; arrivals < 5; arrivals += 1) log.append(write(`late ${arrivals}`));
    };
    log.append(write('first'));
    await log.whenDurable(log.lastSequence);
    await log.whenDurable(log.lastSequence);
    expect(log.durableSequence).toBe(7);
    expect(file.syncs - before).toBe(2);
  });

  test('onDurable reports the highest durable sequence of each commit, after the sync and never before', async () => {
    const machine = new Machine();
    const log = await machine.create();
    const reported: number[] = [];
    log.onDurable = (through) => reported.push(through);
    machine.file(0).beforeSync = () => {
      expect(reported).toEqual([]);
      expect(log.durableSequence).toBe(1);
    };
    log.append(write('a'));
    log.append(write('b'));
    await log.whenDurable(3);
    expect(reported).toEqual([3]);
  });

  test('records come back whole and in order, with every field', async () => {
    const machine = new Machine();
    const log = await machine.create();
    log.append(write('whole block'));
    log.append(write('part of a block', 'v2', 700));
    log.append(makeRecord({ kind: 'trim', volumeId: 'v2', offset: 8192, length: 4096, epoch: 3 }));
    const sent = makeRecord({
      kind: 'fracture',
      volumeId: 'volume-with-a-longer-name',
      offset: 2 ** 40,
      length: 5,
      epoch: 2 ** 35,
      sourceSequence: 11,
      streamSequence: 12,
      sourceIncarnation: 13,
      payload: jsonPayload({ relationship: 'r1', t: 3 }),
    });
    log.append(sent);
    await log.whenDurable(log.lastSequence);
    const { recovered, lost, log: again } = await machine.crashed().reopen();
    expect(lost).toBeNull();
    expect(sequences(recovered.records)).toEqual([1, 2, 3, 4, 5]);
    expect(recovered.records.map((record) => record.kind)).toEqual(['start', 'write', 'write', 'trim', 'fracture']);
    expect(recovered.records[2]?.payload.length).toBe(700);
    expect({ ...recovered.records[4] }).toEqual({ ...sent, payload: recovered.records[4]?.payload });
    expect(readJsonPayload(recovered.records[4] ?? sent)).toEqual({ relationship: 'r1', t: 3 });
    expect(again.lastSequence).toBe(5);
  });

  test('a large burst is split into several commits and stays in order', async () => {
    const machine = new Machine({ halfBytes: 24 * 1024 * 1024, reserveBytes: 64 * 1024 });
    const log = await machine.create();
    for (let i = 0; i < 2000; i += 1) expect(log.append(write(`n${i}`, 'v1', 4096))).toBe(i + 2);
    await log.whenDurable(2001);
    expect(machine.file(0).syncs).toBeGreaterThan(2);
    const { recovered } = await machine.crashed().reopen();
    expect(texts(recovered.records)).toEqual(Array.from({ length: 2000 }, (_, i) => `n${i}`));
  });
});

describe('incarnations', () => {
  test('each start takes the next incarnation and names the end of the one before', async () => {
    const machine = new Machine();
    await appendAll(await machine.create(), ['a', 'b']);
    const next = machine.crashed();
    const { log, recovered } = await next.reopen();
    expect(recovered.incarnation).toBe(1);
    await log.start();
    expect(log.incarnation).toBe(2);
    await appendAll(log, ['c']);
    const { recovered: all } = await next.crashed().reopen();
    expect(texts(all.records)).toEqual(['a', 'b', 'c']);
    expect(all.records.map((record) => record.incarnation)).toEqual([1, 1, 1, 2, 2]);
    const start = all.records[3];
    expect(start?.kind).toBe('start');
    expect(start && readJsonPayload(start)).toEqual({ previousIncarnation: 1, previousEnd: 3 });
  });

  test('nothing is appended before the start record', async () => {
    const { log } = await (await machineWith(['a'])).crashed().reopen();
    expect(() => log.append(write('early'))).toThrow('nothing is appended before');
  });

  test('start goes on above the sequences that volumes call applied', async () => {
    const { log } = await (await machineWith(['a'])).crashed().reopen();
    await log.start({ sequenceFloor: 40 });
    expect(log.lastSequence).toBe(41);
  });

  test('a skip of sequences at a start is not taken for a loss', async () => {
    const machine = (await machineWith(['a'])).crashed();
    const { log } = await machine.reopen();
    await log.start({ sequenceFloor: 40 });
    await appendAll(log, ['b']);
    const { recovered, lost } = await machine.crashed().reopen();
    expect(lost).toBeNull();
    expect(sequences(recovered.records)).toEqual([1, 2, 41, 42]);
  });
});

describe('halves', () => {
  test('host records stop at the reserve, control records may use it, and a seal always fits', async () => {
    const machine = new Machine({ halfBytes: 64 * 1024, reserveBytes: 16 * 1024 });
    const log = await machine.create();
    while (log.append(write('x')) !== null) await log.whenDurable(log.lastSequence);
    const control = (): number | null => log.append(makeRecord({ kind: 'fracture', volumeId: 'v1' }));
    expect(control()).not.toBeNull();
    expect(machine.marks).toContain('nvlog/reserve-used');
    while (control() !== null) await log.whenDurable(log.lastSequence);
    expect(log.canSeal()).toBe(true);
    const sealed = log.seal({ labels: {} });
    await log.whenDurable(sealed.lastSequence);
    expect(log.append(write('in the other half'))).toBe(sealed.lastSequence + 1);
  });

  test('a sealed and an active half are replayed as one sequence', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await appendAll(log, ['a', 'b']);
    const sealed = log.seal({ labels: { p1: 7 }, positions: { r1: 12 } });
    expect(sealed).toEqual({ index: 0, firstSequence: 1, lastSequence: 4 } satisfies SealedHalf);
    await appendAll(log, ['c']);
    const next = machine.crashed();
    const { recovered, log: again } = await next.reopen();
    expect(texts(recovered.records)).toEqual(['a', 'b', 'c']);
    expect(recovered.labels).toEqual({ p1: 7 });
    expect(recovered.positions).toEqual({ r1: 12 });
    expect(recovered.halves.map((half) => half.state)).toEqual(['sealed', 'active']);
    expect(again.sealed).toEqual(sealed);
    expect(next.marks).toContain('nvlog/back-half-chained');
  });

  test('scenario 10: while one half is in a consistency point and the other is full, nothing is overwritten', async () => {
    const machine = new Machine({ halfBytes: 64 * 1024, reserveBytes: 16 * 1024 });
    const log = await machine.create();
    await appendAll(log, ['a']);
    log.seal({ labels: {} });
    expect(log.canSeal()).toBe(false);
    let written = 0;
    while (log.append(write(`x${written}`)) !== null) {
      written += 1;
      await log.whenDurable(log.lastSequence);
    }
    expect(written).toBeGreaterThan(2);
    expect(log.append(write('more'))).toBeNull();
    const { recovered } = await machine.crashed().reopen();
    expect(texts(recovered.records)).toEqual(['a', ...Array.from({ length: written }, (_, i) => `x${i}`)]);
  });

  test('scenario 11: a crash between the switch and the first record of the new half keeps the order', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await appendAll(log, ['a']);
    const sealed = log.seal({ labels: {} });
    await log.whenDurable(sealed.lastSequence);
    const next = machine.crashed();
    const { log: second } = await next.reopen();
    await second.start();
    await appendAll(second, ['b']);
    const { recovered } = await next.crashed().reopen();
    expect(texts(recovered.records)).toEqual(['a', 'b']);
  });

  test('records of a freed half are not replayed once a later frame is durable', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await appendAll(log, ['a']);
    const sealed = log.seal({ labels: {} });
    await appendAll(log, ['b']);
    expect(texts((await machine.crashed().reopen()).recovered.records)).toEqual(['a', 'b']);
    log.free(sealed.index);
    await appendAll(log, ['c']);
    const { recovered } = await machine.crashed().reopen();
    expect(texts(recovered.records)).toEqual(['b', 'c']);
    expect(recovered.halves.map((half) => half.state)).toEqual(['free', 'active']);
  });

  test('many rounds over the same two files never bring an older round back', async () => {
    let machine = new Machine({ halfBytes: 128 * 1024, reserveBytes: 16 * 1024 });
    let log = await machine.create();
    let total = 0;
    let previous: string[] = [];
    for (let round = 0; round < 30; round += 1) {
      const names = Array.from({ length: 1 + (round % 3) }, (_, i) => `r${round}.${i}`);
      await appendAll(log, names);
      if (log.sealed !== null) log.free(log.sealed.index);
      log.seal({ labels: {} });
      await log.whenDurable(log.lastSequence);
      previous = names;
      if (round % 4 === 3) {
        machine = machine.crashed();
        const opened = await machine.reopen();
        expect(opened.lost).toBeNull();
        expect(texts(opened.recovered.records)).toEqual(previous);
        log = opened.log;
        await log.start();
      }
      total += names.length;
    }
    expect(total).toBe(60);
  });

  test('two switches before the first of them is durable keep the order of the halves', async () => {
    const machine = new Machine();
    const log = await machine.create();
    log.append(write('a'));
    const first = log.seal({ labels: { p: 1 } });
    log.append(write('b'));
    log.free(first.index);
    log.seal({ labels: { p: 2 } });
    log.append(write('c'));
    await log.whenDurable(log.lastSequence);
    const { recovered, lost } = await machine.crashed().reopen();
    expect(lost).toBeNull();
    expect(texts(recovered.records)).toEqual(['b', 'c']);
    expect(recovered.labels).toEqual({ p: 2 });
  });

  test('readBack gives the durable records that were not freed', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await appendAll(log, ['a']);
    const sealed = log.seal({ labels: {} });
    await appendAll(log, ['b']);
    expect(texts((await log.readBack()) ?? [])).toEqual(['a', 'b']);
    log.free(sealed.index);
    expect(texts((await log.readBack()) ?? [])).toEqual(['b']);
  });

  test('fill tells what is used', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await appendAll(log, ['a']);
    const fill = log.fill();
    expect(fill.active).toBe(0);
    expect(fill.halves[0]).toEqual({ state: 'active', usedBytes: HALF_HEADER_BYTES + 2 * 8192, sizeBytes: 256 * 1024 });
    expect(fill.halves[1]).toEqual({ state: 'free', usedBytes: 0, sizeBytes: 256 * 1024 });
  });
});

async function machineWith(names: readonly string[]): Promise<Machine> {
  const machine = new Machine();
  await appendAll(await machine.create(), names);
  return machine;
}

test('the planted bug that ignores the chain goes on behind leftovers of an older round, which an assertion catches', async () => {
  const run = async (bug: boolean): Promise<readonly string[]> => {
    const machine = new Machine({ halfBytes: 128 * 1024, reserveBytes: 16 * 1024 });
    if (bug) machine.planted.add('ignore-log-chain');
    const log = await machine.create();
    await appendAll(log, ['a', 'b', 'c']);
    log.seal({ labels: {} });
    await appendAll(log, ['d']);
    log.free(0);
    log.seal({ labels: {} });
    await appendAll(log, ['e']);
    const next = machine.crashed();
    const { log: second } = await next.reopen();
    await second.start();
    await appendAll(second, ['f']);
    return texts((await next.crashed().reopen()).recovered.records);
  };
  expect(await run(false)).toEqual(['d', 'e', 'f']);
  await expect(run(true)).rejects.toThrow('in order');
});

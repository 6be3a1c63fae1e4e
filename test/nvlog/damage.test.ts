import { describe, expect, test } from 'vitest';
import { fc } from '@fast-check/vitest';
import { HALF_HEADER_BYTES, type Log, type SealedHalf } from '../../src-engine/nvlog/index.ts';
import { Machine, NAMES, texts, write } from './memory-files.ts';

async function put(log: Log, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const sequence = log.append(write(name, name.startsWith('v2') ? 'v2' : 'v1'));
    expect(sequence).not.toBeNull();
    await log.whenDurable(sequence ?? 0);
  }
}

/** Offset of the n-th frame behind the start frame, when each holds one 4 KiB write. */
const frameAt = (n: number): number => HALF_HEADER_BYTES + 8192 + n * 8192;

function flip(machine: Machine, half: 0 | 1, offset: number): void {
  const bytes = machine.file(half).durable;
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
}

describe('torn tails', () => {
  test('scenario 12: a commit that was not whole is cut, and every reported record is present', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a', 'b');
    machine.file(0).beforeSync = () => new Promise(() => undefined);
    log.append(write('torn'));
    await settled();
    let sector = 0;
    const next = machine.crashed(() => (sector += 1) <= 9);
    const { recovered, lost, findings } = await next.reopen();
    expect(lost).toBeNull();
    expect(texts(recovered.records)).toEqual(['a', 'b']);
    expect(findings.map((finding) => finding.code)).toEqual(['torn-tail']);
    expect(next.marks).toContain('nvlog/torn-tail');
  });

  test('leftovers behind a cut never come back after a restart', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a');
    machine.file(0).beforeSync = () => new Promise(() => undefined);
    for (let i = 0; i < 4; i += 1) log.append(write(`torn ${i}`));
    await settled();
    let sector = 0;
    const next = machine.crashed(() => (sector += 1) !== 12);
    const { log: second } = await next.reopen();
    await second.start();
    const third = next.crashed();
    const { recovered } = await third.reopen();
    expect(texts(recovered.records)).toEqual(['a']);
  });

  test('an unfinished first commit of the new half leaves the old one in charge, also after a restart made it readable', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a');
    const sealed = log.seal({ labels: {} });
    await log.whenDurable(sealed.lastSequence);
    machine.file(1).beforeSync = () => new Promise(() => undefined);
    log.append(write('unconfirmed'));
    await settled();
    const whole = machine.crashed(() => true).file(1).durable;
    const next = machine.crashed(() => false);
    const { log: second } = await next.reopen();
    await second.start();
    next.file(1).durable = whole;
    const { recovered, findings } = await next.crashed().reopen();
    expect(texts(recovered.records)).toEqual(['a']);
    expect(findings.map((finding) => finding.code)).toEqual(['half-not-chained']);
  });
});

describe('NVFail', () => {
  test('scenario 13: damage in the middle is a loss with its range and its volumes', async () => {
    const machine = new Machine();
    await put(await machine.create(), 'a', 'v2 b', 'c', 'd');
    const next = machine.crashed();
    flip(next, 0, frameAt(1) + 4096 + 100);
    const { recovered, lost } = await next.reopen();
    expect(texts(recovered.records)).toEqual(['a']);
    expect(lost).toEqual({ fromSequence: 3, toSequence: 4, volumeIds: ['v1', 'v2'] });
    expect(next.marks).toContain('nvlog/nvfail');
  });

  test('when the header of a lost frame is gone, no volume is ruled out', async () => {
    const machine = new Machine();
    await put(await machine.create(), 'a', 'v2 b', 'c', 'd');
    const next = machine.crashed();
    flip(next, 0, frameAt(1) + 200);
    expect((await next.reopen()).lost).toEqual({ fromSequence: 3, toSequence: 4 });
  });

  test('any bit of a record at or below durableThrough is a loss, any of the last commit a torn tail', async () => {
    const machine = new Machine();
    await put(await machine.create(), 'a', 'b', 'c');
    const crashed = machine.crashed();
    for (let n = 0; n < 3; n += 1) {
      for (let offset = 0; offset < 8192; offset += 61) {
        const next = crashed.crashed();
        flip(next, 0, frameAt(n) + offset);
        const { lost, recovered } = await next.reopen();
        expect(lost?.fromSequence ?? null).toBe(n < 2 ? n + 2 : null);
        expect(texts(recovered.records)).toEqual(['a', 'b', 'c'].slice(0, n));
      }
    }
  });

  test('a damaged header of the half with records is a loss, not an empty log', async () => {
    const machine = new Machine();
    await put(await machine.create(), 'a', 'b');
    const next = machine.crashed();
    flip(next, 0, 60);
    const { lost, recovered } = await next.reopen();
    expect(recovered.records).toEqual([]);
    expect(lost).toEqual({ fromSequence: 1, toSequence: 2, volumeIds: ['v1'] });
  });

  test('damage in the sealed half is a loss although the active half is whole, and its records are not replayed', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a', 'b');
    log.seal({ labels: {} });
    await put(log, 'c', 'd');
    const next = machine.crashed();
    flip(next, 0, frameAt(1) + 10);
    const { lost, recovered } = await next.reopen();
    expect(texts(recovered.records)).toEqual(['a']);
    expect(lost).toMatchObject({ fromSequence: 3, toSequence: 6 });
  });

  test('damage in a half that was freed is no loss', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a', 'b');
    const sealed = log.seal({ labels: {} });
    await put(log, 'c');
    log.free(sealed.index);
    await put(log, 'd');
    const next = machine.crashed();
    flip(next, 0, frameAt(0) + 10);
    const { lost, recovered } = await next.reopen();
    expect(lost).toBeNull();
    expect(texts(recovered.records)).toEqual(['c', 'd']);
  });

  test('a missing sealed half is a loss, unless the labels cover it', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a', 'b');
    const sealed = log.seal({ labels: {} });
    await put(log, 'c');
    const next = machine.crashed();
    next.files.delete(NAMES[0]);
    const bare = await next.reopen();
    expect(bare.recovered.records).toEqual([]);
    expect(bare.lost).toMatchObject({ fromSequence: 1, toSequence: 5 });
    const covered = await next.reopen(sealed.lastSequence);
    expect(covered.lost).toBeNull();
    expect(texts(covered.recovered.records)).toEqual(['c']);
  });

  test('scenario 69: a half full of zeros beside one that ends in a seal is a loss, in whichever half and however far it went', async () => {
    for (const frames of [0, 1, 3]) {
      for (const zeroed of [0, 1] as const) {
        const machine = new Machine();
        let log = await machine.create();
        if (zeroed === 0) {
          // One turn more, so that the log goes on in half 0.
          log.seal({ labels: {} });
          await put(log, 'x');
          log.free(0);
        }
        await put(log, 'a');
        const sealed = log.seal({ labels: {} });
        await put(log, ...['b', 'c', 'd'].slice(0, frames));
        await log.whenDurable(sealed.lastSequence);
        const next = machine.crashed();
        next.file(zeroed).durable.fill(0);
        const { recovered, lost, findings, log: opened } = await next.reopen();
        expect(texts(recovered.records)).toContain('a');
        expect(lost).toMatchObject({ fromSequence: sealed.lastSequence + 1, openEnded: true });
        expect(lost?.toSequence).toBeGreaterThanOrEqual(sealed.lastSequence + frames);
        expect(lost).not.toHaveProperty('volumeIds');
        expect(findings).toContainEqual(expect.objectContaining({ code: 'lost-records', file: NAMES[zeroed], offset: 0, message: expect.stringMatching(/holds none/) as string }));
        // Acknowledged: the log goes on above everything that may have been there, and the loss is not reported again.
        log = opened;
        await log.start();
        await put(log, 'e');
        const again = await next.crashed().reopen();
        expect(again.lost).toBeNull();
        expect(texts(again.recovered.records)).toContain('e');
        expect(again.log.lastSequence).toBeGreaterThan(lost?.toSequence ?? Infinity);
      }
    }
  });

  test('a half that begins with anything else beside one that ends in a seal loses what its frames still name', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a');
    const sealed = log.seal({ labels: {} });
    await put(log, 'v2 b');
    const next = machine.crashed();
    next.file(1).durable.fill(0x5a, 0, 512);
    // The only commit of that half would look like a torn tail; but no crash tears a header so that it loses its beginning.
    expect((await next.reopen()).lost).toEqual({ fromSequence: sealed.lastSequence + 1, toSequence: sealed.lastSequence + 1, volumeIds: ['v2'] });
  });

  test('what is fresh is no loss: a new log, a half that a crash interrupted in its first commit, and a file put in the place of a failed one', async () => {
    const machine = new Machine();
    let log = await machine.create();
    expect((await machine.crashed().reopen()).lost).toBeNull();
    // The header of the other half torn in every way that whole sectors can be.
    await put(log, 'a');
    const sealed = log.seal({ labels: {} });
    await log.whenDurable(sealed.lastSequence);
    machine.file(1).beforeSync = () => new Promise(() => undefined);
    log.append(write('unconfirmed'));
    await settled();
    for (let sectors = 0; sectors < 40; sectors += 1) {
      for (const keep of [(n: number) => n < sectors, (n: number) => n >= sectors, (n: number) => n !== sectors]) {
        let sector = 0;
        const { lost, recovered } = await machine.crashed(() => keep(sector++)).reopen();
        expect(lost).toBeNull();
        expect(texts(recovered.records)[0]).toBe('a');
      }
    }
    // A sync fails, the log moves, the file is replaced once it holds nothing that is needed.
    const second = new Machine();
    log = await second.create();
    await put(log, 'a');
    second.file(0).failSyncs = 1;
    await put(log, 'b');
    const { sealed: given } = log;
    if (given !== null) log.free(given.index);
    await settled();
    for (const name of ['c', 'd']) await put(log, name);
    await settled();
    const { lost, recovered } = await second.crashed().reopen();
    expect(lost).toBeNull();
    expect(texts(recovered.records)).toEqual(['b', 'c', 'd']);
  });

  test('an older copy of the sealed half is not chained to', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a');
    const copy = machine.file(0).durable.slice();
    await put(log, 'b');
    log.seal({ labels: {} });
    await put(log, 'c');
    const next = machine.crashed();
    next.file(0).durable = copy;
    const { lost, recovered } = await next.reopen();
    expect(texts(recovered.records)).toEqual(['a']);
    expect(lost).toMatchObject({ fromSequence: 3, toSequence: 5 });
  });

  test('after the loss was acknowledged the log goes on above it, and what lay behind the damage stays away', async () => {
    for (const damaged of [0, 1, 2, 'header'] as const) {
      const machine = new Machine();
      const log = await machine.create();
      await put(log, 'a', 'b', 'c');
      log.seal({ labels: {} });
      await put(log, 'd', 'e');
      const next = machine.crashed();
      flip(next, 0, damaged === 'header' ? 60 : frameAt(damaged) + 20);
      const first = await next.reopen();
      expect(first.lost?.toSequence).toBeGreaterThanOrEqual(6);
      await first.log.start();
      await put(first.log, 'new');
      const { lost, recovered } = await next.crashed().reopen();
      expect(lost).toBeNull();
      expect(texts(recovered.records)).toEqual([...texts(first.recovered.records), 'new']);
      expect(recovered.records.at(-1)?.sequence).toBeGreaterThan(7);
    }
  });
});

describe('failed syncs', () => {
  test('the half is abandoned, its unconfirmed records move to the other one, and nothing is reported in between', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a');
    const failures: (SealedHalf | null)[] = [];
    log.onFailure = (_error, sealed) => failures.push(sealed);
    const reported: number[] = [];
    log.onDurable = (through) => reported.push(through);
    const failing = machine.file(0);
    failing.failSyncs = 1;
    const before = failing.syncs;
    log.append(write('b'));
    log.append(write('c'));
    await log.whenDurable(4);
    await settled();
    expect(failing.syncs - before).toBe(1);
    expect(reported).toEqual([4]);
    expect(failures).toEqual([{ index: 0, firstSequence: 1, lastSequence: 2 }]);
    expect(log.fill().active).toBe(1);
    const { recovered, lost } = await machine.crashed().reopen();
    expect(lost).toBeNull();
    expect(texts(recovered.records)).toEqual(['a', 'b', 'c']);
  });

  test('records that reached the medium although their sync failed are not replayed twice', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a');
    const failing = machine.file(0);
    failing.beforeSync = () => {
      for (const { at, bytes } of failing.pending) failing.durable.set(bytes, at);
      failing.failSyncs = 1;
      failing.beforeSync = null;
    };
    await put(log, 'b', 'c');
    const next = machine.crashed();
    const { recovered, findings } = await next.reopen();
    expect(texts(recovered.records)).toEqual(['a', 'b', 'c']);
    expect(findings.map((finding) => finding.code)).toContain('abandoned-tail');
  });

  test('with the other half busy the log is suspended, acknowledges nothing, and resumes when the half is freed', async () => {
    const machine = new Machine();
    machine.canReplace = false;
    const log = await machine.create();
    await put(log, 'a');
    const sealed = log.seal({ labels: {} });
    await put(log, 'b');
    machine.file(1).failSyncs = 1;
    const sequence = log.append(write('c'));
    await settled();
    expect(log.state).toBe('suspended');
    expect(log.append(write('refused'))).toBeNull();
    expect(log.durableSequence).toBeLessThan(sequence ?? 0);
    let resumed = 0;
    log.onResume = () => (resumed += 1);
    log.free(sealed.index);
    await log.whenDurable(sequence ?? 0);
    expect(resumed).toBe(1);
    expect(log.fill().active).toBe(0);
    const { recovered, lost } = await machine.crashed().reopen();
    expect(lost).toBeNull();
    expect(texts(recovered.records)).toEqual(['b', 'c']);
  });

  test('an abandoned half goes on with a new file once it is freed', async () => {
    const machine = new Machine();
    const log = await machine.create();
    await put(log, 'a');
    const broken = machine.file(0);
    broken.failSyncs = Number.POSITIVE_INFINITY;
    await put(log, 'b');
    log.free(0);
    expect(log.canSeal()).toBe(false);
    await settled();
    expect(log.canSeal()).toBe(true);
    log.seal({ labels: {} });
    await put(log, 'c');
    expect(machine.file(0)).not.toBe(broken);
    const { recovered, lost } = await machine.crashed().reopen();
    expect(lost).toBeNull();
    expect(texts(recovered.records)).toEqual(['b', 'c']);
  });

  test('a device that keeps failing suspends the log instead of keeping it busy', async () => {
    const machine = new Machine();
    machine.canReplace = false;
    const log = await machine.create();
    await put(log, 'a');
    for (const half of [0, 1] as const) machine.file(half).failSyncs = Number.POSITIVE_INFINITY;
    const sequence = log.append(write('b'));
    await settled();
    expect(log.state).toBe('suspended');
    const syncs = machine.file(0).syncs + machine.file(1).syncs;
    expect(syncs).toBeLessThan(10);
    for (const half of [0, 1] as const) machine.file(half).failSyncs = 0;
    for (const fire of machine.timers.splice(0)) fire();
    await log.whenDurable(sequence ?? 0);
    expect(log.state).toBe('open');
    const { recovered } = await machine.crashed().reopen();
    expect(texts(recovered.records)).toEqual(['a', 'b']);
  });

  test('the planted bug that retries a failed sync loses a reported record', async () => {
    const machine = new Machine();
    machine.planted.add('retry-failed-sync');
    const log = await machine.create();
    machine.file(0).failSyncs = 1;
    await put(log, 'a');
    expect(log.durableSequence).toBe(2);
    expect(texts((await machine.crashed().reopen()).recovered.records)).toEqual([]);
  });
});

describe('refusals', () => {
  test('files of another log, of a newer format, cut short, or without any header are refused with a reason', async () => {
    const machine = new Machine();
    await put(await machine.create(), 'a');
    const foreign = machine.crashed();
    foreign.file(0).durable = machine.file(1).durable.slice();
    expect(await foreign.open()).toMatchObject({ kind: 'refused', code: 'foreign-log' });
    const cut = machine.crashed();
    cut.file(0).durable = cut.file(0).durable.slice(0, 128 * 1024);
    expect(await cut.open()).toMatchObject({ kind: 'refused', code: 'truncated' });
    const empty = new Machine();
    expect(await empty.open()).toMatchObject({ kind: 'refused', code: 'headers-lost' });
  });

  test('arbitrary bytes give a value', async () => {
    const machine = new Machine({ halfBytes: 64 * 1024, reserveBytes: 16 * 1024 });
    const log = await machine.create();
    await put(log, 'a', 'b');
    log.seal({ labels: { p: 1 } });
    await put(log, 'c');
    const crashed = machine.crashed();
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            half: fc.constantFrom<0 | 1>(0, 1),
            at: fc.nat({ max: 64 * 1024 - 1 }),
            bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        async (patches) => {
          const next = crashed.crashed();
          for (const { half, at, bytes } of patches) {
            const { durable } = next.file(half);
            durable.set(bytes.subarray(0, durable.length - at), at);
          }
          const result = await next.open();
          if (result.kind === 'refused') return;
          const found = texts(result.recovered.records);
          expect(found).toEqual(['a', 'b', 'c'].slice(0, found.length));
          await result.log.start();
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('crashes at every place', () => {
  test('what was reported is found, what was not reported is whole or absent, and nothing returns later', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            {
              weight: 6,
              arbitrary: fc.record({ do: fc.constant('write' as const), count: fc.integer({ min: 1, max: 4 }) }),
            },
            { weight: 2, arbitrary: fc.record({ do: fc.constant('seal' as const) }) },
            { weight: 2, arbitrary: fc.record({ do: fc.constant('free' as const) }) },
            { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const) }) },
            {
              weight: 3,
              arbitrary: fc.record({
                do: fc.constant('crash' as const),
                inCommit: fc.boolean(),
                keep: fc.infiniteStream(fc.boolean()),
              }),
            },
          ),
          { minLength: 1, maxLength: 25 },
        ),
        async (steps) => {
          let machine = new Machine({ halfBytes: 256 * 1024, reserveBytes: 32 * 1024 });
          let log = await machine.create();
          let counter = 0;
          /** Text by sequence: what must be there, and what may be there once. */
          let promised = new Map<number, string>();
          let freedThrough = 0;
          for (const step of steps) {
            if (log.state === 'suspended') break;
            if (step.do === 'write') {
              const names = new Map<number, string>();
              for (let i = 0; i < step.count; i += 1) {
                const name = `w${(counter += 1)}`;
                const sequence = log.append(write(name, 'v1', 700 + 1000 * i));
                if (sequence !== null) names.set(sequence, name);
              }
              await log.whenDurable(log.lastSequence);
              promised = new Map([...promised, ...names]);
            } else if (step.do === 'seal') {
              if (log.canSeal()) log.seal({ labels: {} });
            } else if (step.do === 'free') {
              const { sealed } = log;
              if (sealed === null) continue;
              freedThrough = Math.max(freedThrough, sealed.lastSequence);
              log.free(sealed.index);
              await settled();
            } else if (step.do === 'fail') {
              const name = `w${(counter += 1)}`;
              machine.file(log.fill().active).failSyncs = 1;
              const sequence = log.append(write(name));
              await settled();
              machine.file(0).failSyncs = 0;
              machine.file(1).failSyncs = 0;
              if (sequence !== null && log.state === 'open') promised.set(sequence, name);
            } else {
              const maybe = new Map<number, string>();
              if (step.inCommit) {
                for (const half of [0, 1] as const) machine.file(half).beforeSync = () => new Promise(() => undefined);
                for (let i = 0; i < 3; i += 1) {
                  const name = `w${(counter += 1)}`;
                  const sequence = log.append(write(name));
                  if (sequence !== null) maybe.set(sequence, name);
                }
                await settled();
              }
              const bits = step.keep[Symbol.iterator]();
              machine = machine.crashed(() => bits.next().value ?? false);
              const opened = await machine.reopen();
              expect(opened.lost).toBeNull();
              const found = new Map(
                opened.recovered.records
                  .filter((r) => r.kind === 'write')
                  .map((r) => [r.sequence, texts([r])[0] ?? '']),
              );
              for (const [sequence, name] of promised) {
                if (sequence > freedThrough) expect(found.get(sequence)).toBe(name);
              }
              for (const [sequence, name] of found) expect(promised.get(sequence) ?? maybe.get(sequence)).toBe(name);
              // From now on the survivors are as good as reported, and the rest must stay away.
              promised = found;
              log = opened.log;
              await log.start();
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** Lets every continuation run that needs no further event. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await Promise.resolve();
}

import { afterEach, describe, expect, it } from 'vitest';
import { DRILL_STEPS, drillReportSchema, type Drill } from '../../src-engine/contract/index.ts';
import { reportOf, type Measured } from '../../src-engine/lab/drill/model.ts';
import { open, temporaryDirectory, until, type OpenLab } from './real-lab.ts';

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function demo(): Promise<OpenLab> {
  const directory = temporaryDirectory();
  const lab = await open(directory.path, true);
  cleanUps.push(
    () => directory.remove(),
    () => lab.close(),
  );
  return lab;
}

async function ended(lab: OpenLab, id: string): Promise<Drill> {
  let drill: Drill | null = null;
  await until(
    'the drill to end',
    async () => {
      drill = await lab.client.drill.status({ drill: id });
      return drill?.state !== 'running';
    },
    60_000,
  );
  const last = await lab.client.drill.status({ drill: id });
  if (last === null) throw new Error('no drill');
  return last;
}

describe('A8: the drill', () => {
  it(
    'loses the site in mid-CP, fails over, resyncs back, fails back, and proves that nothing acknowledged was lost',
    { timeout: 90_000 },
    async () => {
      const lab = await demo();
      const started = await lab.client.drill.start({ seed: 3 });
      await expect(lab.client.drill.start({})).rejects.toMatchObject({ data: { code: 'R20' } });
      const drill = await ended(lab, started.id);
      expect(drill.error).toBeNull();
      expect(drill.steps.map((step) => [step.id, step.state])).toEqual(DRILL_STEPS.map((id) => [id, 'done']));
      const report = drillReportSchema.parse(drill.report);
      expect(report).toMatchObject({
        verdict: 'pass',
        lostWrites: 0,
        tornWrites: 0,
        staleWrites: 0,
        misplacedWrites: 0,
        rpoWrites: 0,
        seed: 3,
      });
      expect(report.acknowledgedWrites).toBeGreaterThan(300);
      expect(['write', 'sync', 'prepared', 'label', 'commit', 'committed']).toContain(report.crash.phase);
      expect(report.rtoMs).toBeGreaterThan(0);
      expect(report.checksums.source).toBe(report.checksums.destination);
      expect(report.reverseResync.bytesCopied).toBeGreaterThan(0);
      // The proof is repeated here without the drill's own hands.
      const audit = await lab.client.workload.audit({ volume: 'payroll' });
      expect(audit).toMatchObject({
        lost: 0,
        torn: 0,
        stale: 0,
        misplaced: 0,
        acknowledged: report.acknowledgedWrites,
      });
      const mirror = await lab.client.mirror.show({ mirror: 'payroll' });
      expect(mirror).toMatchObject({ direction: 'forward', acting: 'north' });
      expect(await lab.client.fault.list()).toEqual([]);
      expect((await lab.client.workload.list()).every((workload) => workload.state === 'stopped')).toBe(true);
    },
  );

  it('goes step by step when guided, and cancelling heals what it broke', { timeout: 90_000 }, async () => {
    const lab = await demo();
    let drill = await lab.client.drill.start({ guided: true, seed: 1 });
    expect(drill.state).toBe('waiting');
    expect(drill.steps[0]?.state).toBe('waiting');
    for (const step of ['prepare', 'workload', 'synchronize', 'crash', 'failover'] as const) {
      const advanced = await lab.client.drill.advance({ drill: drill.id });
      expect(advanced.steps.find((one) => one.id === step)?.state).toBe('running');
      drill = await ended(lab, drill.id);
      expect(drill).toMatchObject({ state: 'waiting', error: null });
      expect(drill.steps.find((one) => one.id === step)?.state).toBe('done');
    }
    expect((await lab.client.mirror.show({ mirror: 'payroll' })).acting).toBe('south');
    expect((await lab.client.site.show({ site: 'north' })).state).toBe('lost');
    const cancelled = await lab.client.drill.cancel({ drill: drill.id });
    expect(cancelled).toMatchObject({ state: 'cancelled', error: null });
    expect(await lab.client.fault.list()).toEqual([]);
    expect((await lab.client.mirror.show({ mirror: 'payroll' })).direction).toBe('forward');
    await expect(lab.client.drill.advance({ drill: drill.id })).rejects.toMatchObject({
      data: { code: 'drill/not-waiting' },
    });
  });

  it(
    'scenario 75: that the end of the host interrupted shows CleanupIncomplete after the restart and refuses a second drill until it is cleaned up',
    { timeout: 90_000 },
    async () => {
      const directory = temporaryDirectory();
      cleanUps.push(() => directory.remove());
      let lab = await open(directory.path, true);
      cleanUps.push(() => lab.close());
      const started = await lab.client.drill.start({ seed: 2 });
      await until('the crash', async () => (await lab.client.fault.list()).length > 0, 30_000);
      // The end of the host in the middle of a drill: the catalog keeps what the drill owes.
      await lab.close();
      lab = await open(directory.path, false);
      const drill = await lab.client.drill.status({ drill: started.id });
      expect(drill).toMatchObject({ state: 'cleanup-incomplete', error: { code: 'drill/interrupted' } });
      expect((await lab.client.site.show({ site: 'north' })).state).toBe('lost');
      await expect(lab.client.drill.start({})).rejects.toMatchObject({
        data: { code: 'R20', details: { state: 'cleanup-incomplete' } },
      });
      const healed = await lab.client.drill.cancel({ drill: started.id });
      expect(healed.state).toBe('cancelled');
      expect(await lab.client.fault.list()).toEqual([]);
      expect((await lab.client.site.show({ site: 'north' })).state).toBe('up');
      expect((await lab.client.workload.audit({})).lost).toBe(0);
      const again = await lab.client.drill.start({ guided: true });
      expect(again.state).toBe('waiting');
    },
  );
});

describe('the verdict', () => {
  const clean = { acknowledged: 10, verified: 10, lost: 0, torn: 0, stale: 0, misplaced: 0 };
  const measured: Measured = {
    crash: { cp: 1, phase: 'label' },
    failover: { replayedRecords: 1, ms: 5 },
    afterFailover: clean,
    firstWriteMs: 2,
    reverseResync: { regionsDiffering: 1, bytesCopied: 1, bytesVolume: 1, ms: 1 },
    checksums: { source: 'a', destination: 'a' },
    final: clean,
  };
  it('is a pass only when nothing at all is missing and both images are the same', () => {
    expect(reportOf(measured, 1)).toMatchObject({ verdict: 'pass', rtoMs: 7, rpoWrites: 0 });
    for (const key of ['lost', 'torn', 'stale', 'misplaced'] as const) {
      expect(reportOf({ ...measured, afterFailover: { ...clean, [key]: 1 } }, 1), key).toMatchObject({
        verdict: 'fail',
        rpoWrites: 1,
      });
      expect(reportOf({ ...measured, final: { ...clean, [key]: 2 } }, 1), key).toMatchObject({ verdict: 'fail' });
    }
    expect(reportOf({ ...measured, checksums: { source: 'a', destination: 'b' } }, 1)?.verdict).toBe('fail');
    expect(reportOf({ ...measured, final: { ...clean, acknowledged: 0, verified: 0 } }, 1)?.verdict).toBe('fail');
    const { crash: _crash, ...withoutCrash } = measured;
    expect(reportOf(withoutCrash, 1)).toBeNull();
  });
});

/**
 * `npm run screenshots [-- SCENE ...]`: the real headless host with a lively demo lab, every page and sheet and the states
 * of a bad night, in both themes and two sizes, into docs/screenshots/. For people to look at; nothing is compared.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, type Page } from '@playwright/test';
import { headless, root } from './launch.ts';
import { Relationship } from './pages/relationship.ts';
import { Shell, type PlaceName } from './pages/shell.ts';

const SIZES = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
] as const;
const THEMES = ['light', 'dark'] as const;
/** The few that the documentation shows; only these are kept in the repository. */
const TOUR: ReadonlySet<string> = new Set([
  'first-run-light-1280',
  'overview-light-1280',
  'overview-dark-1920',
  'relationship-dark-1280',
  'fractured-light-1920',
  'sheet-failover-light-1280',
  'overview-diverged-dark-1280',
  'drill-report-light-1280',
  'palette-light-1280',
]);
const folder = join(root, 'docs', 'screenshots');
const run = promisify(execFile);
const chapters = process.argv.slice(2);

class Photographer {
  readonly page: Page;
  readonly lab: string;
  readonly shell: Shell;
  readonly #pid: number;

  constructor(page: Page, lab: string, pid: number) {
    this.page = page;
    this.lab = lab;
    this.shell = new Shell(page);
    this.#pid = pid;
  }

  /** The present screen in every theme and size; `whole` adds one picture as tall as the page. */
  async shoot(name: string, whole = false): Promise<void> {
    for (const size of SIZES) {
      await this.page.setViewportSize(size);
      for (const colorScheme of THEMES) {
        await this.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        // Charts redraw in the theme's colours one frame after the theme is known.
        await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        const file = `${name}-${colorScheme}-${size.width}`;
        await this.page.screenshot({ path: join(folder, `${TOUR.has(file) ? 'tour-' : ''}${file}.png`) });
      }
    }
    await this.page.setViewportSize(SIZES[0]);
    await this.page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    if (whole) {
      const height = await this.page.evaluate(() => (document.querySelector('main')?.scrollHeight ?? 0) + 60);
      await this.page.setViewportSize({ width: 1280, height: Math.max(800, height) });
      await this.page.screenshot({ path: join(folder, `${name}-whole.png`) });
      await this.page.setViewportSize(SIZES[0]);
    }
    process.stdout.write(`${name}\n`);
  }

  async place(place: PlaceName, name: string, whole = false): Promise<void> {
    await this.shell.goTo(place);
    await this.shoot(name, whole);
  }

  /** Opens the sheet of an action on the open relationship page, takes its picture and closes it. */
  async sheet(mirror: string, label: string, name: string): Promise<void> {
    const relationship = new Relationship(this.page, mirror);
    await relationship.open();
    await relationship.isPossible(label);
    await relationship.action(label).click();
    const sheet = this.page.getByRole('dialog', { name: `${label}: ${mirror}` });
    await expect(sheet.getByRole('list', { name: 'What will happen' })).toBeVisible();
    await this.shoot(name);
    await this.page.keyboard.press('Escape');
    await expect(sheet).toBeHidden();
  }

  async cli(...args: string[]): Promise<string> {
    const { stdout } = await run(join(root, 'node_modules', '.bin', 'lockstep'), [...args, '--json', '--yes'], {
      env: { ...process.env, LOCKSTEP_LAB: this.lab },
    });
    return stdout;
  }

  async inState(mirror: string, state: string): Promise<void> {
    await expect
      .poll(async () => (JSON.parse(await this.cli('mirror', 'show', mirror)) as { imageState: string }).imageState, {
        timeout: 180_000,
        intervals: [500],
      })
      .toBe(state);
  }

  kill(): void {
    process.kill(this.#pid, 'SIGKILL');
  }
}

type Chapter = (photographer: Photographer) => Promise<void>;

/** One host and one lab each; what a chapter needs it makes itself. */
const book: Record<string, Chapter> = {
  async calm(p) {
    await expect(p.page.getByRole('heading', { name: 'Welcome to Lockstep' })).toBeVisible();
    await p.shoot('first-run');
    await p.shell.createDemoLab();
    await p.shoot('overview-first-sync', true);
    await expect(p.page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });
    // A chart without a past says nothing about its looks.
    // Pictures, not tests: these waits let charts fill with something to look at. Nothing is asserted after them.
    await p.page.waitForTimeout(20_000);
    await p.shoot('overview', true);
    await p.place('Replication', 'replication', true);
    await p.place('Servers', 'servers');
    await p.page.getByRole('link', { name: 'north-1', exact: true }).click();
    await expect(p.shell.heading('north-1')).toBeVisible();
    // The charts of the server fill.
    await p.page.waitForTimeout(15_000);
    await p.shoot('server', true);
    await p.page.getByRole('button', { name: 'Power off' }).click();
    await expect(p.page.getByRole('dialog')).toBeVisible();
    await p.shoot('sheet-power-off');
    await p.page.keyboard.press('Escape');
    await p.place('Arrays', 'arrays');
    await p.page.getByRole('link', { name: 'north-array', exact: true }).click();
    await expect(p.shell.heading('north-array')).toBeVisible();
    await p.shoot('array', true);
    await p.place('Recovery', 'recovery', true);
    await p.place('Faults', 'faults', true);
    await p.place('Events', 'events');
    await new Relationship(p.page, 'orders').open();
    await p.shoot('relationship', true);
    await p.page.keyboard.press('Control+k');
    await expect(p.page.getByRole('option', { name: /Fracture: orders/ })).toBeVisible();
    await p.shoot('palette');
    await p.page.keyboard.press('Escape');
    await p.page.keyboard.press('?');
    await expect(p.page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
    await p.shoot('keyboard');
    await p.page.keyboard.press('Escape');
    await p.sheet('orders', 'Fracture', 'sheet-fracture');
    await p.sheet('orders', 'Switch over', 'sheet-switchover');
    await p.sheet('orders', 'Verify', 'sheet-verify');
    await p.sheet('orders', 'Delete', 'sheet-delete');
    await p.cli('mirror', 'verify', 'orders');
    await p.shoot('verified', true);
    await p.shell.goTo('Faults');
    await p.page.getByRole('button', { name: 'Inject Site loss' }).click();
    await expect(p.page.getByRole('dialog')).toBeVisible();
    await p.shoot('sheet-fault');
    await p.page.keyboard.press('Escape');
    await expect(p.page.getByRole('dialog')).toBeHidden();
    await p.shell.goTo('Overview');
    await p.page.getByRole('button', { name: 'Jobs' }).click();
    await expect(p.page.getByRole('complementary', { name: 'Jobs and events' })).toBeVisible();
    await p.shoot('jobs-drawer');
    await p.page.getByRole('button', { name: 'Jobs' }).click();
    p.kill();
    await expect(p.page.getByText(/The engine does not answer/).first()).toBeVisible({ timeout: 30_000 });
    await p.shoot('reconnecting');
  },
  async fractured(p) {
    await p.shell.createDemoLab();
    await expect(p.page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });
    await p.cli('mirror', 'fracture', 'orders');
    // Writes that the copy misses gather, so that the heat map has something to show.
    await p.page.waitForTimeout(15_000);
    await new Relationship(p.page, 'orders').open();
    await p.shoot('fractured', true);
    await p.sheet('orders', 'Resync', 'sheet-resync');
    await p.cli('fault', 'inject', 'link-bandwidth', 'north-south', '--bandwidth', '1MiB');
    await p.cli('mirror', 'resync', 'orders', '--no-wait');
    await p.inState('orders', 'Synchronizing');
    // Some way into the sync: rate and remaining time are shown only then.
    await p.page.waitForTimeout(3_000);
    await p.shoot('resync-running', true);
    await p.place('Overview', 'overview-resync', true);
    await p.page.getByRole('button', { name: 'Jobs' }).click();
    await expect(p.page.getByRole('complementary', { name: 'Jobs and events' })).toBeVisible();
    await p.shoot('jobs-running');
  },
  async disaster(p) {
    await p.shell.createDemoLab();
    await expect(p.page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });
    // A calm past before the loss, for the charts.
    await p.page.waitForTimeout(10_000);
    await p.cli('fault', 'inject', 'site-loss', 'north');
    await expect(
      p.page
        .getByText('down', { exact: true })
        .or(p.page.getByText('Down', { exact: true }))
        .first(),
    ).toBeVisible();
    await p.shoot('overview-site-lost', true);
    await p.place('Faults', 'faults-broken');
    await p.place('Servers', 'servers-site-lost');
    await p.page.getByRole('link', { name: 'north-1', exact: true }).click();
    await expect(p.shell.heading('north-1')).toBeVisible();
    await p.shoot('server-down', true);
    await p.place('Arrays', 'arrays-site-lost');
    await p.page.getByRole('link', { name: 'north-array', exact: true }).click();
    await expect(p.shell.heading('north-array')).toBeVisible();
    await p.shoot('array-closed', true);
    await p.sheet('orders', 'Fail over', 'sheet-failover');
    await new Relationship(p.page, 'orders').act('Fail over');
    await new Relationship(p.page, 'orders').open();
    await p.shoot('failed-over', true);
    await p.cli('fault', 'clear', '--all');
    await p.sheet('orders', 'Reverse resync', 'sheet-reverse-resync');
    await p.cli('mirror', 'reverse-resync', 'orders');
    await p.sheet('orders', 'Fail back', 'sheet-failback');
  },
  async diverged(p) {
    await p.shell.createDemoLab();
    await expect(p.page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });
    await p.cli('fault', 'inject', 'link-cut', 'north-south');
    // Time for the workload to write, not a condition: how much is of no matter.
    await p.page.waitForTimeout(8_000);
    // What north acknowledges alone now is what the other side will contradict.
    await p.cli('mirror', 'failover', 'orders', '--force');
    // Time in which both sides write alone.
    await p.page.waitForTimeout(4_000);
    await p.cli('fault', 'clear', '--all');
    await p.inState('orders', 'Diverged');
    await new Relationship(p.page, 'orders').open();
    await p.shoot('diverged', true);
    await p.sheet('orders', 'Resolve', 'sheet-resolve');
    await p.place('Overview', 'overview-diverged', true);
    await p.page.getByRole('button', { name: /alert/i }).click();
    await p.shoot('alerts');
  },
  async drill(p) {
    await p.shell.createDemoLab();
    await expect(p.page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });
    await p.shell.goTo('Recovery');
    await p.page.getByRole('combobox', { name: 'Relationship' }).click();
    await p.page.getByRole('option', { name: 'orders' }).click();
    await p.page.getByRole('button', { name: 'Start drill' }).click();
    await expect(p.page.getByRole('dialog')).toBeVisible();
    await p.shoot('sheet-drill');
    await p.page.getByRole('dialog').getByRole('button', { name: 'Begin' }).click();
    await expect(p.page.getByRole('list', { name: 'Steps of the drill' })).toBeVisible({ timeout: 60_000 });
    const total = await p.page.getByRole('list', { name: 'Steps of the drill' }).getByRole('listitem').count();
    const report = p.page.getByRole('region', { name: 'Drill report' });
    const next = p.page.getByRole('button', { name: 'Next step' });
    for (let step = 1; step <= total; step++) {
      await expect(p.page.getByText(`Step ${step} of ${total}:`).or(report)).toBeVisible({ timeout: 120_000 });
      if (await report.isVisible()) break;
      await expect(next).toBeEnabled({ timeout: 120_000 });
      if (step === 3 || step === 6) await p.shoot(`drill-step-${step}`, true);
      await next.click();
    }
    await expect(report).toBeVisible({ timeout: 120_000 });
    await expect(p.page.getByRole('button', { name: 'New drill' })).toBeVisible({ timeout: 60_000 });
    await p.page.locator('main').evaluate((main) => main.scrollTo({ top: 0 }));
    await p.shoot('drill-report', true);
    await p.place('Overview', 'overview-after-drill', true);
  },
  async empty(p) {
    await p.page.getByRole('textbox', { name: /name/i }).first().waitFor();
    await p.cli('lab', 'create', '--empty').catch(() => undefined);
    await p.shell.heading('Overview').waitFor({ timeout: 20_000 });
    await p.shoot('empty-overview');
    await p.place('Servers', 'empty-servers');
    await p.place('Arrays', 'empty-arrays');
    await p.place('Replication', 'empty-replication');
    await p.place('Recovery', 'empty-recovery');
    await p.place('Faults', 'empty-faults');
    await p.page.goto(`${p.page.url().split('#')[0] ?? ''}#/replication/nothing`);
    await p.shoot('unknown-relationship');
  },
};

await mkdir(folder, { recursive: true });
let failed = 0;
for (const [name, chapter] of Object.entries(book)) {
  if (chapters.length > 0 && !chapters.includes(name)) continue;
  const directory = await mkdtemp(join(tmpdir(), 'lockstep-screens-'));
  const lab = join(directory, 'lab');
  const host = await headless(lab);
  try {
    await host.page.setViewportSize(SIZES[0]);
    await host.page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    await chapter(new Photographer(host.page, lab, host.pid));
  } catch (error) {
    failed += 1;
    await host.page.screenshot({ path: join(folder, `${name}-FAILED.png`) }).catch(() => undefined);
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  await host.stop();
  await rm(directory, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;

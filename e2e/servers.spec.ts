import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from './hosts.ts';
import { Shell } from './pages/shell.ts';

async function openServer(page: Page, name: string): Promise<void> {
  await new Shell(page).goTo('Servers');
  await page.getByRole('table', { name: 'Servers' }).getByRole('link', { name, exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
}

async function findsNothing(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  expect(violations.map(({ id, nodes }) => `${what}: ${id} ${nodes.map((node) => node.html).join(' | ')}`)).toEqual([]);
}

test('an administrator watches the log of a server, reads its consistency points, powers it off and on again', async ({
  console: page,
}) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const shell = new Shell(page);
  await shell.createDemoLab();
  await expect(page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });
  await openServer(page, 'north-1');

  // The workload writes: one half fills.
  const filling = page.getByRole('meter', { name: /^NVLOG half \d, Filling$/ });
  await expect(filling).toHaveCount(1);
  await expect(filling).not.toHaveAttribute('aria-valuetext', /^0 B/, { timeout: 60_000 });

  // The last points, bar by bar with the keyboard, and as a table.
  const bars = page.getByRole('listbox', { name: /consistency points/ });
  await expect(bars.getByRole('option').nth(1)).toBeVisible({ timeout: 60_000 });
  await bars.focus();
  await page.keyboard.press('Home');
  await expect(bars.getByRole('option').first()).toHaveAttribute('aria-selected', 'true');
  await expect(bars.getByRole('option').first()).toHaveAccessibleName(/CP \d+, .* blocks/);
  await page.getByRole('button', { name: 'Consistency points as a table' }).click();
  await expect(
    page.getByRole('table', { name: 'Consistency points as a table' }).getByRole('row').nth(1),
  ).toBeVisible();
  await findsNothing(page, 'Server');

  await page.getByRole('button', { name: 'Power off' }).click();
  const sheet = page.getByRole('dialog', { name: 'Power off: north-1' });
  await expect(sheet.getByRole('list', { name: 'What will happen' })).toContainText('orders');
  await expect(sheet.getByText('lockstep server power-off north-1 --yes')).toBeVisible();
  await findsNothing(page, 'Sheet Power off');
  await sheet.getByRole('textbox', { name: 'Type north-1 to confirm' }).fill('north-1');
  await sheet.getByRole('button', { name: 'Power off' }).click();
  await expect(sheet).toBeHidden({ timeout: 60_000 });
  await expect(page.getByText('The log waits for the next start')).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole('button', { name: 'Power off' })).toHaveAttribute('aria-disabled', 'true');
  await findsNothing(page, 'Server, off');

  await page.getByRole('button', { name: 'Power on' }).click();
  const on = page.getByRole('dialog', { name: 'Power on: north-1' });
  await on.getByRole('button', { name: 'Power on' }).click();
  await expect(on).toBeHidden({ timeout: 60_000 });
  await expect(page.getByRole('meter', { name: /^NVLOG half \d, Filling$/ })).toBeVisible({ timeout: 60_000 });
});

test('the list of servers keeps its order and filter in the address, and a crash is seen there with its cause', async ({
  console: page,
}) => {
  const shell = new Shell(page);
  await shell.createDemoLab();
  await shell.goTo('Servers');
  const table = page.getByRole('table', { name: 'Servers' });
  await table.getByRole('button', { name: 'Server' }).click();
  await expect(table.getByRole('columnheader', { name: 'Server' })).toHaveAttribute('aria-sort', 'descending');
  await page.getByRole('textbox', { name: 'Filter' }).fill('north');
  await expect(table.getByRole('link', { name: 'south-1' })).toBeHidden();
  await expect.poll(() => page.evaluate(() => location.hash)).toBe('#/servers?sort=-name&filter=north');
  await page.reload();
  await expect(table.getByRole('link', { name: 'north-1' })).toBeVisible({ timeout: 60_000 });
  await expect(table.getByRole('link', { name: 'south-1' })).toBeHidden();

  await shell.goTo('Faults');
  await page.getByRole('button', { name: 'Inject Server crash' }).click();
  const inject = page.getByRole('dialog', { name: /^Server crash/ });
  await inject.getByRole('button', { name: 'Inject' }).click();
  await expect(inject).toBeHidden();
  await openServer(page, 'north-1');
  await expect(page.getByRole('list', { name: 'Faults that hit it' })).toContainText('Server crash');
  // Powering a crashed server on heals the crash.
  await page.getByRole('button', { name: 'Power on' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Power on' }).click();
  await expect(page.getByRole('list', { name: 'Faults that hit it' })).toBeHidden({ timeout: 60_000 });
});

test('at 1280 x 800 and at 200 % zoom the pages of servers and arrays lose nothing sideways', async ({
  console: page,
}) => {
  const shell = new Shell(page);
  await shell.createDemoLab();
  for (const size of [
    { width: 1280, height: 800 },
    { width: 640, height: 400 },
  ]) {
    await page.setViewportSize(size);
    for (const hash of ['#/servers', '#/servers/north-1', '#/arrays', '#/arrays/north-array']) {
      await page.evaluate((to) => (location.hash = to), hash);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(/Servers|north-1|Arrays|north-array/);
      await expect
        .poll(() => page.locator('main').evaluate((main) => main.scrollWidth - main.clientWidth), { message: hash })
        .toBe(0);
    }
  }
});

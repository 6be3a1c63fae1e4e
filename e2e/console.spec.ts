import { readFile } from 'node:fs/promises';
import type { Locator, Page } from '@playwright/test';
import { expect, test } from './hosts.ts';
import { Relationship } from './pages/relationship.ts';
import { Shell } from './pages/shell.ts';

/** The element a click in its middle would reach is the element itself or something in it. */
async function canBeHit(target: Locator): Promise<void> {
  await target.scrollIntoViewIfNeeded();
  await expect
    .poll(() =>
      target.evaluate((element) => {
        const { left, top, width, height } = element.getBoundingClientRect();
        const hit = document.elementFromPoint(left + width / 2, top + height / 2);
        return width > 20 && hit !== null && element.contains(hit);
      }),
    )
    .toBe(true);
}

const sidewaysPx = (page: Page): Promise<number> =>
  page.locator('main').evaluate((main) => main.scrollWidth - main.clientWidth);

test('at 1280 x 800 every relationship shows its name, and no table is cut', async ({ console: page }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  const shell = new Shell(page);
  await shell.createDemoLab();
  for (const place of ['Overview', 'Replication'] as const) {
    await shell.goTo(place);
    for (const name of ['orders', 'payroll']) {
      const link = page.getByRole('table', { name: 'Replication' }).getByRole('link', { name, exact: true });
      await canBeHit(link);
    }
    const cut = await page
      .getByRole('table')
      .evaluateAll(
        (tables) =>
          tables.filter((table) => (table.parentElement?.scrollWidth ?? 0) > (table.parentElement?.clientWidth ?? 0))
            .length,
      );
    expect(cut).toBe(0);
    expect(await sidewaysPx(page)).toBe(0);
  }
});

test('the palette leads to the sheet of an action; a fractured pair shows where its marks are, and a verified one that it is equal', async ({
  console: page,
}) => {
  const shell = new Shell(page);
  const orders = new Relationship(page, 'orders');
  await shell.createDemoLab();
  await expect(page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });

  await orders.open();
  await orders.act('Verify');
  const verifications = page.getByRole('region', { name: 'Verifications' });
  await expect(verifications.getByText('Equal')).toBeVisible({ timeout: 120_000 });

  await shell.goTo('Overview');
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('combobox', { name: 'Go to or do' });
  await palette.fill('fracture orders');
  await expect(page.getByRole('option', { name: /Fracture: orders/ })).toHaveAttribute('aria-selected', 'true');
  await palette.press('Enter');
  const sheet = page.getByRole('dialog', { name: 'Fracture: orders' });
  await expect(sheet.getByRole('list', { name: 'What will happen' })).toBeVisible();
  await sheet.getByRole('button', { name: 'Fracture', exact: true }).click();
  await expect(sheet).toBeHidden();

  const log = page.getByRole('region', { name: 'Fracture log' });
  await expect(log.getByRole('img', { name: /stretches hold marks/ })).toBeVisible({ timeout: 60_000 });
  await log.getByRole('button', { name: 'Marked stretches as a table' }).click();
  await expect(log.getByRole('table', { name: 'Marked stretches as a table' }).getByRole('row').nth(1)).toBeVisible();
  await expect(page.getByText(/A failover now would lose: at most/)).toBeVisible();

  await orders.act('Resync');
  await orders.isInState('Synchronized', 120_000);
});

test('letters lead to pages, a question mark explains them, and typing in a field does neither', async ({
  console: page,
}) => {
  const shell = new Shell(page);
  await shell.createDemoLab();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard' });
  await expect(help.getByText('Go to Faults')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(help).toBeHidden();
  await page.keyboard.press('g');
  await page.keyboard.press('r');
  await expect(shell.heading('Replication')).toBeVisible();
  const filter = page.getByRole('textbox', { name: 'Filter' });
  await filter.pressSequentially('gf?');
  await expect(filter).toHaveValue('gf?');
  await expect(shell.heading('Replication')).toBeVisible();
  await expect(help).toBeHidden();
});

test('events are exported as they stand', async ({ console: page, running }) => {
  const shell = new Shell(page);
  await shell.createDemoLab();
  await shell.goTo('Events');
  const path = await running.fileSavedBy(() => page.getByRole('button', { name: 'Export JSON' }).click());
  const events = JSON.parse(await readFile(path, 'utf8')) as { id: number; kind: string }[];
  expect(events.length).toBeGreaterThan(5);
  expect(events.map((event) => event.kind)).toContain('job/started');
});

test('at 200 % zoom nothing is lost sideways', async ({ console: page }) => {
  const shell = new Shell(page);
  await shell.createDemoLab();
  // A window of 1280 x 800 at 200 % has this many CSS pixels.
  await page.setViewportSize({ width: 640, height: 400 });
  for (const place of ['Overview', 'Replication', 'Recovery', 'Faults', 'Events'] as const) {
    await shell.goTo(place);
    expect([place, await sidewaysPx(page)]).toEqual([place, 0]);
  }
  await new Relationship(page, 'orders').open();
  expect(await sidewaysPx(page)).toBe(0);
  await canBeHit(page.getByRole('region', { name: 'Actions' }).getByRole('button').first());
});

test('who asks for less motion gets none', async ({ console: page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const shell = new Shell(page);
  await shell.createDemoLab();
  await expect(page.getByText('Link up')).toBeVisible();
  await expect
    .poll(() => page.evaluate(() => document.getAnimations().filter((one) => one.playState === 'running').length))
    .toBe(0);
});

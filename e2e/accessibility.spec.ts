import AxeBuilder from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';
import { expect, test } from './hosts.ts';
import { Faults } from './pages/faults.ts';
import { Relationship } from './pages/relationship.ts';
import { Shell, type PlaceName } from './pages/shell.ts';

const places: readonly PlaceName[] = ['Overview', 'Servers', 'Arrays', 'Replication', 'Recovery', 'Faults', 'Events'];
const themes = ['Light', 'Dark'] as const;
/** What axe must have looked at everywhere: a page on which these found nothing to judge was not looked at. */
const ALWAYS = ['color-contrast', 'button-name'] as const;

async function findsNothing(page: Page, what: string): Promise<void> {
  // Electron has no way to open the blank page that the default mode runs in.
  const { violations, passes, incomplete } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  expect(violations.map(({ id, nodes }) => `${what}: ${id} ${nodes.map((node) => node.html).join(' | ')}`)).toEqual([]);
  const judged = [...passes, ...incomplete].filter(({ nodes }) => nodes.length > 0).map(({ id }) => id);
  expect(judged, `${what}: judged`).toEqual(expect.arrayContaining([...ALWAYS]));
}

/** The page really wears the theme: its ground is light or dark, whatever the system prefers. */
async function wears(page: Page, theme: (typeof themes)[number]): Promise<void> {
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', theme.toLowerCase());
  const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const sum = (ground.match(/\d+/g) ?? []).slice(0, 3).reduce((total, part) => total + Number(part), 0);
  expect(theme === 'Light' ? sum > 600 : sum < 160, `${theme}: ${ground}`).toBe(true);
}

async function inBothThemes(page: Page, what: string, look: () => Promise<void>): Promise<void> {
  for (const theme of themes) {
    await new Shell(page).chooseTheme(theme);
    await wears(page, theme);
    await test.step(`${what}, ${theme}`, look);
  }
}

/** Opens what a button opens, lets axe look at it, and closes it. */
async function looksAtSheet(page: Page, button: Locator, what: string): Promise<void> {
  await button.click();
  const sheet = page.getByRole('dialog');
  await expect(sheet.getByRole('list', { name: 'What will happen' })).toBeVisible();
  await findsNothing(page, what);
  await page.keyboard.press('Escape');
  await expect(sheet).toBeHidden();
}

test('axe finds nothing on any page, sheet or list in either theme', async ({ console: page }) => {
  // What fades in is measured half transparent: without motion there is no such moment.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const shell = new Shell(page);
  const orders = new Relationship(page, 'orders');
  await expect(page.getByRole('heading', { name: 'Welcome to Lockstep' })).toBeVisible();
  await page.getByRole('textbox', { name: 'Name' }).fill('Not A Name');
  await page.getByRole('button', { name: 'New lab' }).click();
  await expect(page.getByText('1 to 63 lower-case letters, digits and inner hyphens.')).toBeVisible();
  await inBothThemes(page, 'First run with a refused name', () => findsNothing(page, 'First run'));
  await shell.createDemoLab();
  await expect(page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });
  await expect(page.getByText(/^Full sync .*: Done$/)).toHaveCount(0);

  await inBothThemes(page, 'The calm lab', async () => {
    for (const place of places) {
      await shell.goTo(place);
      await findsNothing(page, place);
    }
    await orders.open();
    await findsNothing(page, 'Relationship');
    for (const label of ['Fracture', 'Switch over', 'Verify', 'Full sync', 'Delete']) {
      await orders.isPossible(label);
      await looksAtSheet(page, orders.action(label), `Sheet ${label}`);
    }
    await page.keyboard.press('Control+k');
    await expect(page.getByRole('option', { name: /Delete: orders/ })).toBeVisible();
    await findsNothing(page, 'Palette');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toBeHidden();
    await page.keyboard.press('?');
    const help = page.getByRole('dialog', { name: 'Keyboard' });
    await expect(help).toBeVisible();
    await findsNothing(page, 'Keyboard help');
    await page.keyboard.press('Escape');
    await expect(help).toBeHidden();
    await page.getByRole('button', { name: 'Jobs' }).click();
    await expect(page.getByRole('complementary', { name: 'Jobs and events' })).toBeVisible();
    await findsNothing(page, 'Jobs drawer');
    await page.getByRole('button', { name: 'Jobs' }).click();
    await shell.goTo('Faults');
    await looksAtSheet(page, page.getByRole('button', { name: 'Inject Site loss' }), 'Sheet Site loss');
    await shell.goTo('Recovery');
    await looksAtSheet(page, page.getByRole('button', { name: 'Start drill' }), 'Sheet Drill');
    await page.getByRole('combobox', { name: 'Relationship' }).click();
    await expect(page.getByRole('option', { name: 'orders' })).toBeVisible();
    await findsNothing(page, 'Open list');
    await page.keyboard.press('Escape');
    await shell.goTo('Overview');
    for (const button of await page.getByRole('button', { name: /as a table$/ }).all()) await button.click();
    await findsNothing(page, 'Charts as tables');
  });
});

test('axe finds nothing on a bad night either: a lost site, its sheets, what is old and what is not there', async ({
  console: page,
  running,
}) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const shell = new Shell(page);
  const orders = new Relationship(page, 'orders');
  const faults = new Faults(page);
  await shell.createDemoLab();
  await expect(page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });
  await faults.loseSite('north');
  await orders.open();
  await orders.isPossible('Fail over');
  await inBothThemes(page, 'The lost site', async () => {
    for (const place of places) {
      await shell.goTo(place);
      await findsNothing(page, `${place}, site lost`);
    }
    await orders.open();
    await findsNothing(page, 'Relationship, site lost');
    await looksAtSheet(page, orders.action('Fail over'), 'Sheet Fail over');
    await page.getByRole('button', { name: /alerts?$/ }).click();
    const list = page.getByRole('region', { name: 'Wrong now' });
    await expect(list.getByRole('link', { name: /Injected: Site loss/ })).toBeVisible();
    await findsNothing(page, 'Alerts');
    await page.keyboard.press('Escape');
    await expect(list).toBeHidden();
    await page.evaluate(() => (location.hash = '#/replication/nothing'));
    await expect(page.getByText('There is no relationship nothing')).toBeVisible();
    await findsNothing(page, 'Unknown relationship');
  });
  await orders.open();
  await orders.act('Fail over');
  await faults.healAll();
  await orders.open();
  await orders.isPossible('Reverse resync');
  await inBothThemes(page, 'The way back', async () => {
    await findsNothing(page, 'Relationship, waiting for the reverse resync');
    await looksAtSheet(page, orders.action('Reverse resync'), 'Sheet Reverse resync');
  });

  await orders.action('Reverse resync').click();
  const sheet = page.getByRole('dialog');
  await expect(sheet.getByRole('list', { name: 'What will happen' })).toBeVisible();
  if (running.crash === undefined) return;
  running.crash();
  await expect(sheet.getByRole('alert')).toContainText('These figures are old', { timeout: 30_000 });
  await expect(sheet.getByRole('button', { name: 'Reverse resync' })).toBeDisabled();
  await findsNothing(page, 'A sheet without an engine');
  await page.keyboard.press('Escape');
  await expect(page.getByText(/The engine does not answer\. Reconnecting/)).toBeVisible();
  await inBothThemes(page, 'What is old', async () => {
    for (const place of places) {
      await shell.goTo(place);
      await findsNothing(page, `${place}, old`);
    }
  });
});

test('every page can be reached and left with the keyboard alone', async ({ console: page }) => {
  const shell = new Shell(page);
  await shell.createDemoLab();
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Skip to the page' });
  for (
    let presses = 0;
    presses < 40 && !(await skip.evaluate((element) => element === document.activeElement));
    presses++
  )
    await page.keyboard.press('Tab');
  for (const place of places) {
    const link = page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: place });
    for (
      let presses = 0;
      presses < 60 && !(await link.evaluate((element) => element === document.activeElement));
      presses++
    )
      await page.keyboard.press('Tab');
    await expect(link).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(shell.heading(place)).toBeVisible();
  }
});

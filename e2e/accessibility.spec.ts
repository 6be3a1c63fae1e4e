import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from './hosts.ts';
import { Relationship } from './pages/relationship.ts';
import { Shell, type PlaceName } from './pages/shell.ts';

const places: readonly PlaceName[] = ['Overview', 'Replication', 'Recovery', 'Faults', 'Events'];
const themes = ['Light', 'Dark'] as const;

async function findsNothing(page: Page, what: string): Promise<void> {
  // Electron has no way to open the blank page that the default mode runs in.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  expect(violations.map(({ id, nodes }) => `${what}: ${id} ${nodes.map((node) => node.html).join(' | ')}`)).toEqual([]);
}

test('axe finds nothing on any page in either theme', async ({ console: page }) => {
  // What fades in is measured half transparent: without motion there is no such moment.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const shell = new Shell(page);
  const firstRun = page.getByRole('heading', { name: 'Welcome to Lockstep' });
  await expect(firstRun).toBeVisible();
  for (const theme of themes) {
    await shell.chooseTheme(theme);
    await findsNothing(page, `First run, ${theme}`);
  }
  await shell.createDemoLab();
  await expect(page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });
  await expect(page.getByText(/^Full sync .*: Done$/)).toHaveCount(0);
  for (const theme of themes) {
    await shell.chooseTheme(theme);
    for (const place of places) {
      await shell.goTo(place);
      await findsNothing(page, `${place}, ${theme}`);
    }
    await new Relationship(page, 'orders').open();
    await findsNothing(page, `Relationship, ${theme}`);
    await page.keyboard.press('Control+k');
    await expect(page.getByRole('option', { name: /Delete: orders/ })).toBeVisible();
    await findsNothing(page, `Palette, ${theme}`);
    await page.getByRole('combobox', { name: 'Go to or do' }).fill('delete orders');
    await page.keyboard.press('Enter');
    const sheet = page.getByRole('dialog', { name: 'Delete: orders' });
    await expect(sheet.getByRole('list', { name: 'What will happen' })).toBeVisible();
    await findsNothing(page, `Sheet, ${theme}`);
    await page.keyboard.press('Escape');
    await expect(sheet).toBeHidden();
    await page.keyboard.press('?');
    const help = page.getByRole('dialog', { name: 'Keyboard' });
    await expect(help).toBeVisible();
    await findsNothing(page, `Keyboard help, ${theme}`);
    await page.keyboard.press('Escape');
    await expect(help).toBeHidden();
    await page.getByRole('button', { name: 'Jobs' }).click();
    await findsNothing(page, `Jobs drawer, ${theme}`);
    await page.getByRole('button', { name: 'Jobs' }).click();
  }
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

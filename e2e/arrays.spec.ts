import AxeBuilder from '@axe-core/playwright';
import { expect, test } from './hosts.ts';
import { Shell } from './pages/shell.ts';

test('an administrator looks at a shelf: every slot, the pool with its volumes, and where the raw bytes go', async ({
  console: page,
}) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const shell = new Shell(page);
  await shell.createDemoLab();
  await shell.goTo('Arrays');
  const table = page.getByRole('table', { name: 'Arrays' });
  await expect(table.getByText('6 of 6 in order')).toBeVisible();
  await table.getByRole('link', { name: 'north-array' }).click();
  await expect(shell.heading('north-array')).toBeVisible();

  const slots = page.getByRole('list', { name: 'Slots of north-array' }).getByRole('listitem');
  await expect(slots).toHaveCount(6);
  await expect(slots.first()).toContainText('In order');
  await expect(slots.first()).toContainText('Disk 1 of 6');
  const pool = page.getByRole('region', { name: 'north-pool' });
  await expect(pool.getByText('RAID-6, survives any two disks')).toBeVisible();
  await expect(pool.getByText('orders')).toBeVisible();
  await expect(page.getByRole('img', { name: /^Raw capacity of north-array by use:/ })).toBeVisible();

  for (const theme of ['Light', 'Dark'] as const) {
    await shell.chooseTheme(theme);
    const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
    expect(violations.map(({ id, nodes }) => `${id} ${nodes.map((node) => node.html).join(' | ')}`)).toEqual([]);
  }

  // The owner leads on, and so does the palette back.
  await pool.getByRole('link', { name: 'north-1' }).click();
  await expect(shell.heading('north-1')).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Go to or do' }).fill('array south');
  await page.getByRole('option', { name: /Array south-array/ }).click();
  await expect(shell.heading('south-array')).toBeVisible();
});

test('an array whose server is down says that its pool is closed, and shows no figure as if it were known', async ({
  console: page,
}) => {
  const shell = new Shell(page);
  await shell.createDemoLab();
  await shell.goTo('Faults');
  await page.getByRole('button', { name: 'Inject Server crash' }).click();
  const inject = page.getByRole('dialog', { name: /^Server crash: north-1/ });
  await inject.getByRole('button', { name: 'Inject' }).click();
  await expect(inject).toBeHidden();
  await shell.goTo('Arrays');
  await page.getByRole('link', { name: 'north-array' }).click();
  await expect(page.getByRole('list', { name: 'What is wrong' })).toContainText('north-pool is closed');
  await expect(page.getByText('Not known while no server has it open.')).toBeVisible();
});

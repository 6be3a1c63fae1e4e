import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from './hosts.ts';
import { Faults } from './pages/faults.ts';
import { Shell } from './pages/shell.ts';

test('the map shows what stands where, leads to a fault by its menu, and shows what broke', async ({
  console: page,
}) => {
  const shell = new Shell(page);
  await shell.createDemoLab();
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Topology' }).click();
  await expect(shell.heading('Topology')).toBeVisible();
  const map = page.getByRole('region', { name: 'Map of the lab' });
  const server = map.getByRole('group', { name: 'Server north-1' });
  for (const name of ['Site north', 'Site south', 'Server north-1', 'Server south-1', 'Array north-array'])
    await expect(map.getByRole('group', { name, exact: true })).toBeVisible();
  await expect(map.getByText('2 relationships')).toBeVisible();

  // Picked by keyboard as by pointer.
  await server.focus();
  await page.keyboard.press('Enter');
  const inspector = page.getByRole('complementary', { name: 'Inspector' });
  await expect(inspector.getByRole('heading', { name: 'north-1' })).toBeVisible();
  // Electron opens no page of axe's own: it runs in this one.
  expect((await new AxeBuilder({ page }).setLegacyMode().include('main').analyze()).violations).toEqual([]);

  await server.click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Server crash…' }).click();
  const sheet = page.getByRole('dialog', { name: 'Server crash: north-1' });
  await expect(sheet.getByText('lockstep fault inject server-crash north-1')).toBeVisible();
  await sheet.getByRole('button', { name: 'Inject' }).click();
  await expect(sheet).toBeHidden();
  await expect(server.getByText('Down')).toBeVisible();

  await page.getByText('Table', { exact: true }).click();
  await expect(page).toHaveURL(/topology\?as=table/);
  await expect(page.getByRole('table', { name: 'Topology' }).getByRole('row', { name: /north-1/ })).toContainText(
    'Down',
  );
  await new Faults(page).healAll();
});

import { writeFile, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from './hosts.ts';
import { Configuration } from './pages/configuration.ts';
import { Relationship } from './pages/relationship.ts';
import { Shell } from './pages/shell.ts';

test('a third site from nothing to a synchronized copy, its volume grows on both sides, and all of it goes again by typed names', async ({
  console: page,
}) => {
  test.setTimeout(300_000);
  const shell = new Shell(page);
  const configuration = new Configuration(page);
  await shell.createDemoLab();

  await configuration.make('Create site…', 'Create a site', { Name: 'west' });
  await expect(page.getByRole('region', { name: 'Site west' })).toBeVisible();
  await configuration.make('Create cluster…', 'Create a cluster', {}, { Site: 'west' });
  await configuration.make('Create server…', 'Create a server', {}, { Cluster: 'west' });
  await expect(page.getByRole('region', { name: 'Site west' }).getByText('west-1')).toBeVisible();
  await configuration.make(
    'Create array…',
    'Create an array',
    { Disks: '4', 'Size of each disk': '64MiB' },
    { Cluster: 'west' },
  );
  await configuration.make(
    'Create pool…',
    'Create a pool',
    {},
    { Array: 'west-shelf', 'Server that serves it': 'west-1' },
  );
  await configuration.make(
    'Create link…',
    'Create a link',
    { 'Latency, one way (optional)': '2ms' },
    { 'From site': 'north', 'To site': 'west' },
  );
  await configuration.make(
    'Create volume…',
    'Create a volume',
    { Name: 'ledger', Size: '16MiB' },
    { Pool: /^north-pool/ },
  );

  await configuration.open('Create relationship…');
  const sheet = configuration.sheet('Create a relationship');
  await configuration.choose(sheet, 'Source volume', /^ledger /);
  await configuration.choose(sheet, 'Pool of the destination', /^west-pool/);
  await expect(
    sheet.getByRole('region', { name: 'What it would give' }).getByText(/over link north-west/),
  ).toBeVisible();
  await sheet.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(sheet).toBeHidden({ timeout: 60_000 });

  const ledger = new Relationship(page, 'ledger');
  await ledger.open();
  await ledger.isInState('Synchronized', 120_000);

  await configuration.open('Grow ledger');
  const grow = configuration.sheet('Grow ledger');
  await grow.getByRole('textbox', { name: 'New size' }).fill('24MiB');
  await grow.getByRole('textbox', { name: 'New size' }).press('Enter');
  await expect(grow).toBeHidden({ timeout: 60_000 });
  for (const side of ['Source image ledger', 'Destination image ledger-copy'])
    await expect(page.getByRole('region', { name: side }).getByText(/of 24(\.0)? MiB/)).toBeVisible({
      timeout: 60_000,
    });

  await ledger.act('Delete');
  await shell.goTo('Overview');
  await configuration.delete('volume', 'ledger-copy');
  await configuration.delete('volume', 'ledger');
  await configuration.delete('pool', 'west-pool');
  await configuration.delete('array', 'west-shelf');
  await configuration.delete('server', 'west-1');
  await configuration.delete('link', 'north-west');
  await configuration.delete('cluster', 'west');
  await configuration.delete('site', 'west');
  await expect(page.getByRole('region', { name: 'Site west' })).toBeHidden();
});

test('a form keeps what was typed: rules stand at their fields, a refusal too, and a reload in the middle loses nothing', async ({
  console: page,
}) => {
  const shell = new Shell(page);
  const configuration = new Configuration(page);
  await shell.createDemoLab();
  await configuration.open('Create volume…');
  const sheet = configuration.sheet('Create a volume');
  const name = sheet.getByRole('textbox', { name: 'Name' });
  const size = sheet.getByRole('textbox', { name: 'Size' });
  await configuration.choose(sheet, 'Pool', /^north-pool/);
  await name.fill('Not A Name');
  await size.fill('5000');
  await size.press('Enter');
  await expect(sheet.getByText('A name has 1 to 63 lower-case letters, digits and inner hyphens')).toBeVisible();
  await expect(sheet.getByText('A size is a multiple of 4096 bytes')).toBeVisible();
  await expect(name).toBeFocused();

  await name.fill('orders');
  await size.fill('8MiB');
  await page.reload();
  await expect(sheet).toBeVisible({ timeout: 60_000 });
  await expect(name).toHaveValue('orders');
  await expect(size).toHaveValue('8MiB');
  await expect(sheet.getByText('lockstep volume create orders --pool north-pool --size 8MiB')).toBeVisible();
  await sheet.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(sheet.getByText(/There is a volume called orders already/)).toBeVisible();
  await expect(size).toHaveValue('8MiB');
  await name.fill('archive');
  await name.press('Enter');
  await expect(sheet).toBeHidden({ timeout: 60_000 });
});

test('content goes in from a file and comes out as the same file', async ({ console: page, running }) => {
  const shell = new Shell(page);
  const configuration = new Configuration(page);
  await shell.createDemoLab();
  await configuration.make(
    'Create volume…',
    'Create a volume',
    { Name: 'archive', Size: '4MiB' },
    { Pool: /^south-pool/ },
  );
  const content = Buffer.alloc(4 * 2 ** 20, 'lockstep ');
  const path = join(tmpdir(), `lockstep-import-${process.pid}.img`);
  await writeFile(path, content);

  await configuration.open('Import into archive');
  const put = configuration.sheet('Import into archive');
  const chooser = page.waitForEvent('filechooser');
  await put.getByRole('button', { name: /File/ }).click();
  await (await chooser).setFiles(path);
  await put.getByRole('textbox', { name: 'Type archive to confirm' }).fill('archive');
  await put.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(put.getByText('4 MiB were written to archive.')).toBeVisible({ timeout: 60_000 });
  await put.getByRole('button', { name: 'Close' }).last().click();

  await configuration.open('Export archive');
  const get = configuration.sheet('Export archive');
  const saved = await running.fileSavedBy(() => get.getByRole('button', { name: 'Export', exact: true }).click());
  expect((await readFile(saved)).equals(content)).toBe(true);
});

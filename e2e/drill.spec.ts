import { expect, test } from './hosts.ts';
import { Faults } from './pages/faults.ts';
import { Relationship } from './pages/relationship.ts';
import { Shell } from './pages/shell.ts';

test('the whole drill by point and click: crash, failover, resync, failback, and no acknowledged write lost', async ({
  console: page,
}) => {
  const shell = new Shell(page);
  await shell.createDemoLab();
  await expect(page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 120_000 });

  await shell.goTo('Recovery');
  await page.getByRole('combobox', { name: 'Relationship' }).click();
  await page.getByRole('option', { name: 'orders' }).click();
  await page.getByRole('button', { name: 'Start drill' }).click();
  const sheet = page.getByRole('dialog', { name: 'Drill on orders' });
  await expect(sheet.getByText(/Crashes site north in the middle of a consistency point/)).toBeVisible();
  await sheet.getByRole('button', { name: 'Begin' }).click();

  const steps = page.getByRole('list', { name: 'Steps of the drill' });
  const next = page.getByRole('button', { name: 'Next step' });
  await expect(steps).toBeVisible();
  const total = await steps.getByRole('listitem').count();
  const report = page.getByRole('region', { name: 'Drill report' });
  for (let step = 1; step <= total; step++) {
    await expect(page.getByText(`Step ${step} of ${total}:`).or(report)).toBeVisible({ timeout: 60_000 });
    if (await report.isVisible()) break;
    await expect(next).toBeEnabled({ timeout: 60_000 });
    await next.click();
  }

  await expect(report).toBeVisible({ timeout: 120_000 });
  await expect(report.getByText('Pass', { exact: true })).toBeVisible();
  await expect(report.getByText(/acknowledged writes audited: 0 lost, 0 torn/)).toBeVisible();
  await expect(report.getByText('identical')).toBeVisible();

  await shell.goTo('Overview');
  await expect(page.getByRole('region', { name: 'Last drill' }).getByText('Pass')).toBeVisible();
  await expect(page.getByText('2 of 2 relationships synchronized')).toBeVisible({ timeout: 60_000 });
});

test('by hand: a site is lost, the copy takes over, the site returns, receives what differs and takes its role back', async ({
  console: page,
}) => {
  const shell = new Shell(page);
  const orders = new Relationship(page, 'orders');
  const faults = new Faults(page);
  await shell.createDemoLab();
  await orders.open();
  await orders.isInState('Synchronized', 120_000);
  await expect(orders.action('Fail over')).toHaveAttribute('aria-disabled', 'true');

  await faults.loseSite('north');
  await orders.open();
  await orders.act('Fail over');
  await orders.servesAt('orders-copy');

  await faults.healAll();
  await orders.open();
  await orders.act('Reverse resync');
  await orders.isInState('Synchronized', 120_000);
  await orders.act('Fail back');
  await orders.servesAt('orders');
  await orders.isInState('Synchronized');

  await shell.goTo('Overview');
  await page.getByRole('button', { name: 'Audit' }).click();
  await expect(page.getByText(/0 lost, 0 torn, 0 stale, 0 misplaced/)).toBeVisible({ timeout: 120_000 });
});

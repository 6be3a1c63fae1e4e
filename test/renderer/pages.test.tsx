import { screen, within } from '@testing-library/react';
import { describe, expect, test, vi } from 'vitest';
import { SessionEndedError } from '../../src-renderer/client/index.ts';
import { isAlert } from '../../src-engine/contract/index.ts';
import { calm, disaster, drill, events, finishedDrill, iso, mirror, resyncing } from './lab/data.ts';
import { MemoryLab } from './lab/router.ts';
import { renderConsole } from './render.tsx';

// Charts draw on a canvas, which jsdom has not; the figures behind them are what is looked at here.
vi.mock('uplot', () => ({
  default: class {
    setData(): void {}
    setSize(): void {}
    destroy(): void {}
  },
}));

const find = (role: string, name: string | RegExp): Promise<HTMLElement> => screen.findByRole(role, { name });

describe('overview', () => {
  test('answers whether data is safe, whether failover is possible, and what would be lost', async () => {
    renderConsole(new MemoryLab(calm()), '/overview');
    expect(await screen.findByText('2 of 2 relationships synchronized')).toBeDefined();
    expect(screen.getByText('Every acknowledged write is on both sides')).toBeDefined();
    expect(screen.getByText('Nothing needs you now.')).toBeDefined();
  });

  test('names the dead server and the lost site, and does not guess what its lost side acknowledged alone', async () => {
    renderConsole(new MemoryLab(disaster()), '/overview');
    const north = await find('region', 'Site north');
    expect(within(north).getByText('Lost')).toBeDefined();
    expect(within(north).getByText('48 s')).toBeDefined();
    expect(screen.getByText('Not known')).toBeDefined();
    expect(screen.getByText('Server north-1 is down. Site north is lost.')).toBeDefined();
  });

  test('a server that waits for its peer can be told to serve, by typing its name', async () => {
    const live = calm();
    const volumes =
      live.volumes?.map((one) => (one.name === 'orders' ? { ...one, state: 'waiting' as const } : one)) ?? [];
    const lab = new MemoryLab({ ...live, volumes });
    const { user } = renderConsole(lab, '/overview');
    const north = await find('region', 'Site north');
    await user.click(within(north).getByRole('button', { name: 'Serve without waiting' }));
    const dialog = await find('dialog', 'Serve without the peer: north-1');
    await user.type(within(dialog).getByRole('textbox', { name: 'Type north-1 to confirm' }), 'north-1');
    await user.click(within(dialog).getByRole('button', { name: 'Serve without waiting' }));
    await vi.waitFor(() => expect(lab.asked).toHaveLength(1));
    expect(lab.asked[0]).toMatchObject({
      procedure: 'server.skipPeerWait',
      input: { server: 'north-1', confirm: 'north-1' },
    });
  });

  test('an audit of the ledgers is one click and its figures stay', async () => {
    const lab = new MemoryLab(calm());
    const { user } = renderConsole(lab, '/overview');
    await user.click(await find('button', 'Audit'));
    expect(await screen.findByText(/0 lost, 0 torn, 0 stale, 0 misplaced/)).toBeDefined();
  });
});

describe('a relationship', () => {
  test('lights the present state and offers only the allowed actions; refused ones carry the reason of the engine', async () => {
    const lab = new MemoryLab(disaster());
    const { user } = renderConsole(lab, '/replication/orders');
    expect(await find('img', /present state: Outdated/)).toBeDefined();
    const refused = await find('button', 'Fail back');
    expect(refused.getAttribute('aria-disabled')).toBe('true');
    const reason = document.getElementById(refused.getAttribute('aria-describedby') ?? '');
    expect(reason?.textContent).toContain('R05');
    expect(reason?.textContent).toContain('north-1 has been unreachable since 03:29:12 (site loss).');
    expect(reason?.textContent).toContain('Bring the site back first.');
    await user.click(refused);
    expect(screen.queryByRole('dialog')).toBeNull();
    expect(lab.asked).toEqual([]);
  });

  test('both images stand side by side with the direction in which data flows', async () => {
    renderConsole(new MemoryLab(resyncing()), '/replication/orders');
    expect(await find('img', 'Data flows from south to north')).toBeDefined();
    expect(
      within(await find('region', 'Destination image orders-copy')).getByText('Primary, accepts writes'),
    ).toBeDefined();
    expect(within(await find('region', 'Source image orders')).getByText('Secondary, closed to hosts')).toBeDefined();
  });

  test('a delta of the stream changes the page without a question', async () => {
    const lab = new MemoryLab(resyncing());
    renderConsole(lab, '/replication/orders');
    await find('img', /present state: Synchronizing/);
    lab.push({ mirrors: [mirror('orders')], lastEventId: 41, at: iso(1000) });
    expect(await find('img', /present state: Synchronized/)).toBeDefined();
  });

  test('a forced failover shows what the engine says would be lost, and asks for the typed name', async () => {
    const lab = new MemoryLab(disaster());
    const { user } = renderConsole(lab, '/replication/payroll');
    await user.click(await find('button', 'Fail over'));
    const dialog = await find('dialog', 'Fail over: payroll');
    expect(await within(dialog).findByText(/None known at 03:29:12/)).toBeDefined();
    expect(within(dialog).getByText('lockstep mirror failover payroll --force --yes')).toBeDefined();
    const act = within(dialog).getByRole('button', { name: 'Fail over' });
    expect(act).toHaveProperty('disabled', true);
    await user.type(within(dialog).getByRole('textbox', { name: 'Type payroll to confirm' }), 'payroll');
    await user.click(act);
    await vi.waitFor(() => expect(lab.asked).toHaveLength(1));
    expect(lab.asked[0]).toMatchObject({
      procedure: 'mirror.failover',
      input: { mirror: 'payroll', confirm: 'payroll', force: true },
    });
    await vi.waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  });

  test('the ways out that are open now are buttons on the arrows of the drawing, and lead to the same sheet', async () => {
    const { user } = renderConsole(new MemoryLab(disaster()), '/replication/payroll');
    const state = await find('region', 'State');
    const way = await within(state).findByRole('button', { name: 'Fail over' });
    await user.click(way);
    expect(await find('dialog', 'Fail over: payroll')).toBeDefined();
    expect(within(state).queryByRole('button', { name: 'Fail back' })).toBeNull();
  });

  test('a sheet that is open when the engine is lost says that its figures are old, and cannot be confirmed', async () => {
    const lab = new MemoryLab(disaster());
    const { user, drop } = renderConsole(lab, '/replication/payroll');
    await user.click((await screen.findAllByRole('button', { name: 'Fail over' })).at(-1) ?? document.body);
    const dialog = await find('dialog', 'Fail over: payroll');
    const name = await within(dialog).findByRole('textbox', { name: 'Type payroll to confirm' });
    await user.type(name, 'payroll');
    drop();
    expect((await within(dialog).findByRole('alert')).textContent).toContain('These figures are old');
    expect(within(dialog).getByRole('button', { name: 'Fail over' })).toHaveProperty('disabled', true);
    expect(name).toHaveProperty('value', 'payroll');
    await user.type(name, '{Enter}');
    expect(lab.asked).toEqual([]);
  });

  test('of a copy that is away the page says what it misses, not what a failover would lose', async () => {
    const live = disaster();
    const marked = mirror('orders', {
      imageState: 'Outdated',
      direction: 'reversed',
      acting: 'south',
      connection: 'connecting',
      fractureLog: { regions: 1024, dirty: 16, regionSizeBytes: 65_536, heat: [] },
    });
    renderConsole(new MemoryLab({ ...live, mirrors: [marked] }), '/replication/orders');
    expect(await screen.findByText(/The copy at north misses: at most 1 MiB/)).toBeDefined();
    expect(screen.queryByText(/A failover now would lose/)).toBeNull();
  });

  test('an address that is no proper address shows the page of an unknown relationship', async () => {
    renderConsole(new MemoryLab(calm()), '/replication/%E0%A4%A');
    expect(await find('link', 'All relationships')).toBeDefined();
  });

  test('a refusal keeps the sheet open with what was typed', async () => {
    const lab = new MemoryLab(disaster());
    const { user } = renderConsole(lab, '/replication/payroll');
    await user.click(await find('button', 'Fail over'));
    const name = await find('textbox', 'Type payroll to confirm');
    await user.type(name, 'payroll');
    lab.refuseNext = {
      code: 'R29',
      message: 'Another change won; state reloaded.',
      hint: 'Look again.',
      overridable: false,
    };
    await user.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Fail over' }));
    expect((await screen.findByRole('alert')).textContent).toContain('Another change won; state reloaded. Look again.');
    expect(name).toHaveProperty('value', 'payroll');
  });
});

describe('recovery', () => {
  test('the guided drill goes on by one button and ends in a report with its figures', async () => {
    const lab = new MemoryLab({ ...calm(), drills: [drill(13)] });
    const { user } = renderConsole(lab, '/recovery');
    await screen.findByText('Step 14 of 14: Report.');
    await user.click(await find('button', 'Next step'));
    const report = await find('region', 'Drill report');
    expect(within(report).getByText('Pass')).toBeDefined();
    expect(within(report).getByText('identical')).toBeDefined();
    expect(within(report).getByText('20261121')).toBeDefined();
  });

  test('a drill begins only after a sheet that says what it does', async () => {
    const lab = new MemoryLab({ ...calm(), drills: [] });
    const { user } = renderConsole(lab, '/recovery');
    await user.click(await find('button', 'Start drill'));
    expect(lab.asked).toEqual([]);
    await user.click(within(await find('dialog', 'Drill on payroll')).getByRole('button', { name: 'Begin' }));
    expect(await screen.findByText('Step 1 of 14: Prepare.')).toBeDefined();
    expect(lab.asked[0]).toMatchObject({ procedure: 'drill.start', input: { guided: true, mirror: 'payroll' } });
  });

  test('a finished drill shows its verdict on the overview', async () => {
    renderConsole(new MemoryLab({ ...calm(), drills: [finishedDrill()] }), '/overview');
    expect(await screen.findByText('Pass')).toBeDefined();
  });
});

describe('faults', () => {
  test('the loss of a site names the servers, volumes and relationships it hits and asks for the typed name', async () => {
    const lab = new MemoryLab(calm());
    const { user } = renderConsole(lab, '/faults');
    await user.click(await find('button', 'Inject Site loss'));
    const dialog = await find('dialog', 'Site loss: north');
    expect(within(dialog).getByText('north-1')).toBeDefined();
    expect(within(dialog).getAllByText('payroll, orders')).toHaveLength(2);
    await user.type(within(dialog).getByRole('textbox'), 'north');
    await user.click(within(dialog).getByRole('button', { name: 'Inject' }));
    expect(await screen.findByText('Injected by a test.')).toBeDefined();
    expect(lab.asked[0]).toMatchObject({ input: { fault: { kind: 'site-loss', site: 'north' }, confirm: 'north' } });
  });

  test('an emptied field is no zero: nothing can be injected with it, and a bandwidth is asked for in KiB a second', async () => {
    const lab = new MemoryLab(calm());
    const { user } = renderConsole(lab, '/faults');
    const inject = await find('button', 'Inject Link bandwidth');
    const field = screen.getByRole('textbox', { name: 'Bandwidth' });
    await user.clear(field);
    expect(inject).toHaveProperty('disabled', true);
    await user.type(field, '512');
    await user.click(inject);
    const dialog = await find('dialog', 'Link bandwidth: north-south');
    expect(
      within(dialog).getByText('lockstep fault inject link-bandwidth north-south --bandwidth 512KiB'),
    ).toBeDefined();
    await user.click(within(dialog).getByRole('button', { name: 'Inject' }));
    await vi.waitFor(() => expect(lab.asked).toHaveLength(1));
    expect(lab.asked[0]).toMatchObject({ input: { fault: { kind: 'link-bandwidth', bytesPerSecond: 524_288 } } });
  });

  test('heal all clears everything that is broken', async () => {
    const lab = new MemoryLab(disaster());
    const { user } = renderConsole(lab, '/faults');
    await user.click(await find('button', 'Heal all'));
    expect(await screen.findByText('Nothing is broken.')).toBeDefined();
    expect(lab.asked[0]).toMatchObject({ procedure: 'fault.clear' });
  });
});

describe('events', () => {
  test('a severity filter leaves only what is as severe or more', async () => {
    const { user } = renderConsole(new MemoryLab(calm()), '/events');
    const table = await find('table', 'Events');
    await within(table).findByText('40');
    await user.click(screen.getByPlaceholderText('Severity at least'));
    await user.click(await find('option', 'Error'));
    await vi.waitFor(() => expect(within(table).queryByText('Debug')).toBeNull());
    expect(within(table).getAllByText('Error').length).toBeGreaterThan(0);
  });

  test('new events come on top by themselves', async () => {
    const lab = new MemoryLab(calm());
    renderConsole(lab, '/events');
    const table = await find('table', 'Events');
    await within(table).findByText('40');
    lab.events = events(42);
    lab.push({ lastEventId: 42 });
    expect(await within(table).findByText('42')).toBeDefined();
  });

  test('an alert waits until it is acknowledged, alone or with all others, and then says when it was', async () => {
    const lab = new MemoryLab(calm());
    const { user } = renderConsole(lab, '/events?open');
    const table = await find('table', 'Events');
    const [first] = await within(table).findAllByRole('button', { name: /^Acknowledge event/ });
    expect(within(table).queryByText('Info')).toBeNull();
    const waiting = lab.events.filter((one) => isAlert(one.severity)).length;
    expect(waiting).toBeGreaterThan(1);
    expect(screen.getByRole('button', { name: `Acknowledge ${String(waiting)} alerts` })).toBeDefined();
    await user.click(first ?? document.body);
    await user.click(await find('button', new RegExp(`^Acknowledge ${String(waiting - 1)} alert`)));
    expect(await find('button', 'Nothing to acknowledge')).toHaveProperty('disabled', true);
    expect(lab.events.filter((one) => one.acknowledged !== undefined)).toHaveLength(waiting);
    await user.click(screen.getByRole('switch', { name: 'Open alerts' }));
    // Rows out of sight are not drawn.
    expect((await within(table).findAllByTitle('Acknowledged by admin')).length).toBeGreaterThan(1);
  });

  test('a hundred thousand events keep the document small', async () => {
    const lab = new MemoryLab({ ...calm(), lastEventId: 100_000 });
    renderConsole(lab, '/events');
    const table = await find('table', 'Events');
    await within(table).findByText('100000');
    expect(within(table).getAllByRole('row').length).toBeLessThan(120);
  });
});

describe('without a lab', () => {
  test('one click creates the two-site demo lab and starts a workload on orders only', async () => {
    const lab = new MemoryLab(calm(), { lab: 'none' });
    const { user } = renderConsole(lab, '/');
    await user.click(await find('button', 'Create the two-site demo lab'));
    expect(await screen.findByText('2 of 2 relationships synchronized')).toBeDefined();
    await vi.waitFor(() => expect(lab.asked.map((one) => one.procedure)).toEqual(['host.create', 'workload.start']));
    expect(lab.asked[0]?.input).toEqual({ demo: 'two-site' });
    expect(lab.asked[1]?.input).toMatchObject({ volume: 'orders' });
  });

  test('a bad name is refused before anything is asked, and what was typed stays', async () => {
    const lab = new MemoryLab(calm(), { lab: 'none' });
    const { user } = renderConsole(lab, '/');
    const name = await find('textbox', 'Name');
    await user.type(name, 'My Lab');
    await user.click(screen.getByRole('button', { name: 'New lab' }));
    expect(await screen.findByText('1 to 63 lower-case letters, digits and inner hyphens.')).toBeDefined();
    expect(name).toHaveProperty('value', 'My Lab');
    expect(lab.asked).toEqual([]);
  });
});

test('figures of a lost engine are announced as old, never shown as live', async () => {
  const { drop } = renderConsole(new MemoryLab(calm()), '/overview');
  await screen.findByText('Live');
  drop();
  expect(await screen.findByText(/The engine does not answer/)).toBeDefined();
  expect(screen.queryByText('Live')).toBeNull();
  expect(screen.getByText('Not live')).toBeDefined();
});

test('a session that the host refuses is said to have ended, instead of reconnecting for ever', async () => {
  const { drop } = renderConsole(new MemoryLab(calm()), '/overview', new SessionEndedError('ended'));
  await screen.findByText('Live');
  drop();
  expect(await screen.findByText(/this session has ended. Open the address that it printed/)).toBeDefined();
});

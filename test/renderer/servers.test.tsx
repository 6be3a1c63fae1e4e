import { fireEvent, screen, within } from '@testing-library/react';
import { describe, expect, test, vi } from 'vitest';
import type { Fault } from '../../src-engine/contract/index.ts';
import { niceTop, scaleTopMs } from '../../src-renderer/features/servers/cp-scale.ts';
import { faultsOn, subjectsOf } from '../../src-renderer/features/servers/FaultNotes.tsx';
import { refusalOf } from '../../src-renderer/features/servers/power.ts';
import { traced, TRACE_MS } from '../../src-renderer/features/servers/use-log-trace.ts';
import { calm, disaster, iso, server, volume } from './lab/data.ts';
import { MemoryLab } from './lab/router.ts';
import { renderConsole } from './render.tsx';

vi.mock('uplot', () => ({
  default: class {
    setData(): void {}
    setSize(): void {}
    destroy(): void {}
  },
}));

const find = (role: string, name: string | RegExp): Promise<HTMLElement> => screen.findByRole(role, { name });
const fault = (kind: Fault['kind'], subject: string): Fault => ({
  id: `flt-${subject}`,
  kind,
  subject,
  message: subject,
  parameters: {},
  injectedAt: iso(),
});

describe('the list of servers', () => {
  test('says of each server how it is, why it is down, how old its heartbeat and how full its log is', async () => {
    renderConsole(new MemoryLab(disaster()), '/servers');
    const table = await find('table', 'Servers');
    const north = within(table).getByText('north-1').closest('tr') ?? document.body;
    expect(within(north).getByText('Down')).toBeDefined();
    expect(within(north).getByText('Site north is lost.')).toBeDefined();
    expect(within(north).getByText('48 s')).toBeDefined();
    const south = within(table).getByText('south-1').closest('tr') ?? document.body;
    expect(within(south).getByRole('meter', { name: 'NVLOG of south-1' }).getAttribute('aria-valuenow')).toBe('3');
  });

  test('its filter and its order come from the address', async () => {
    const { user } = renderConsole(new MemoryLab(calm()), '/servers?filter=south&sort=-heartbeat');
    const table = await find('table', 'Servers');
    expect(within(table).queryByText('north-1')).toBeNull();
    expect(screen.getByRole('columnheader', { name: /Heartbeat/ }).getAttribute('aria-sort')).toBe('descending');
    await user.clear(screen.getByRole('textbox', { name: 'Filter' }));
    await vi.waitFor(() => expect(within(table).getByText('north-1')).toBeDefined());
    const names = within(table)
      .getAllByRole('link')
      .map((link) => link.textContent);
    expect(names).toEqual(['south-1', 'north-1']);
  });

  test('an order that names no column of the table is none', async () => {
    renderConsole(new MemoryLab(calm()), '/servers?sort=nonsense');
    expect(within(await find('table', 'Servers')).getByText('north-1')).toBeDefined();
  });

  test('without a server it teaches what one is for', async () => {
    renderConsole(new MemoryLab({ ...calm(), servers: [] }), '/servers');
    expect(await find('heading', 'There is no server yet')).toBeDefined();
  });

  test('the rail counts those that are not up', async () => {
    renderConsole(new MemoryLab(disaster()), '/servers');
    expect(await find('img', '1 server is not up')).toBeDefined();
  });
});

describe('a server', () => {
  test('both halves of its log say what they do and how full they are, and follow the stream', async () => {
    const lab = new MemoryLab(calm());
    renderConsole(lab, '/servers/north-1');
    const filling = await find('meter', 'NVLOG half 1, Filling');
    expect(filling.getAttribute('aria-valuetext')).toBe('11.4 MiB of 64 MiB');
    const halves = [
      { state: 'draining' as const, usedBytes: 64 * 2 ** 20, sizeBytes: 64 * 2 ** 20 },
      { state: 'filling' as const, usedBytes: 2 ** 20, sizeBytes: 64 * 2 ** 20 },
    ];
    lab.changeServer('north-1', { nvlog: { halves, stalled: true } });
    expect(await find('meter', 'NVLOG half 1, Draining')).toBeDefined();
    expect((await screen.findByRole('alert')).textContent).toContain('Writers wait');
  });

  test('the running consistency point says in which phase it is', async () => {
    renderConsole(new MemoryLab(calm()), '/servers/north-1');
    expect(await screen.findByText('CP 1843: CP sync')).toBeDefined();
    const steps = await find('list', 'Phases of the running consistency point');
    expect(within(steps).getByText('CP sync').closest('li')?.getAttribute('aria-current')).toBe('step');
  });

  test('the arrow keys step through the consistency points, and each says its phases; the same stands in a table', async () => {
    const { user } = renderConsole(new MemoryLab(calm()), '/servers/north-1');
    const bars = await find('listbox', /last 50 consistency points/);
    const selected = (): string =>
      within(bars).getByRole('option', { selected: true }).getAttribute('aria-label') ?? '';
    expect(selected()).toContain('CP 1842');
    bars.focus();
    await user.keyboard('{ArrowLeft}{ArrowLeft}');
    expect(selected()).toContain('CP 1840');
    expect(selected()).toMatch(/Seal .* ms, Write .* ms/);
    await user.keyboard('{Home}');
    expect(selected()).toContain('CP 1793');
    await user.keyboard('{End}');
    expect(selected()).toContain('CP 1842');
    await user.click(screen.getByRole('button', { name: 'Consistency points as a table' }));
    const table = await find('table', 'Consistency points as a table');
    expect(within(table).getByText('1842')).toBeDefined();
    expect(within(table).getByRole('columnheader', { name: 'Write' })).toBeDefined();
  });

  test('power off names the volumes, relationships and workloads it hits, asks for the name, and says the command', async () => {
    const lab = new MemoryLab(calm());
    const { user } = renderConsole(lab, '/servers/north-1');
    await user.click(await find('button', 'Power off'));
    const dialog = await find('dialog', 'Power off: north-1');
    expect(within(dialog).getByText('lockstep server power-off north-1 --yes')).toBeDefined();
    expect(
      within(dialog).getByText('orders: the copy at south stays as it is; it can be failed over to.'),
    ).toBeDefined();
    const act = within(dialog).getByRole('button', { name: 'Power off' });
    expect(act).toHaveProperty('disabled', true);
    await user.type(within(dialog).getByRole('textbox', { name: 'Type north-1 to confirm' }), 'north-1');
    await user.click(act);
    await vi.waitFor(() => expect(lab.asked).toHaveLength(1), 15_000);
    expect(lab.asked[0]).toMatchObject({
      procedure: 'server.powerOff',
      input: { server: 'north-1', confirm: 'north-1' },
    });
    await vi.waitFor(() => expect(screen.queryByRole('dialog')).toBeNull(), 15_000);
    // The answer closes the sheet; that the server is down comes with the stream.
    await vi.waitFor(
      () => expect(screen.getByRole('button', { name: 'Power on' })).toHaveProperty('ariaDisabled', 'false'),
      15_000,
    );
  });

  test('what the engine refuses is shown as disabled with the reason', async () => {
    renderConsole(new MemoryLab(disaster()), '/servers/north-1');
    const on = await find('button', 'Power on');
    expect(on.getAttribute('aria-disabled')).toBe('true');
    const reason = document.getElementById(on.getAttribute('aria-describedby') ?? '')?.textContent;
    expect(reason).toContain('north-1 cannot start: its site is lost. Clear the fault.');
    const off = await find('button', 'Power off');
    expect(off.getAttribute('aria-disabled')).toBe('true');
  });

  test('the wait for an absent peer can be ended, by typing the name', async () => {
    const live = calm();
    const volumes =
      live.volumes?.map((one) => (one.name === 'orders' ? { ...one, state: 'waiting' as const } : one)) ?? [];
    const lab = new MemoryLab({ ...live, volumes });
    const { user } = renderConsole(lab, '/servers/north-1?do=skip-peer-wait');
    const dialog = await find('dialog', 'Serve without the peer: north-1');
    await user.type(within(dialog).getByRole('textbox', { name: 'Type north-1 to confirm' }), 'north-1');
    await user.click(within(dialog).getByRole('button', { name: 'Skip peer wait' }));
    await vi.waitFor(() => expect(lab.asked[0]).toMatchObject({ procedure: 'server.skipPeerWait' }));
  });

  test('a fault that hits it is named on its page', async () => {
    renderConsole(new MemoryLab(disaster()), '/servers/north-1');
    const notes = await find('list', 'Faults that hit it');
    expect(within(notes).getByText('Site loss')).toBeDefined();
  });

  test('its peers and the volumes of its pools lead on', async () => {
    renderConsole(new MemoryLab(calm()), '/servers/north-1');
    const peers = await find('table', 'Peers');
    expect(within(peers).getAllByRole('link', { name: 'south-1' })[0]?.getAttribute('href')).toContain(
      '/servers/south-1',
    );
    expect(within(await find('table', 'Pools and volumes: north-pool')).getByText('orders')).toBeDefined();
  });

  test('an unknown server is said to be unknown', async () => {
    renderConsole(new MemoryLab(calm()), '/servers/nothing');
    expect(await find('link', 'All servers')).toBeDefined();
  });

  test('the palette leads to a server and to the sheet of what can be done with it', async () => {
    const { user } = renderConsole(new MemoryLab(calm()), '/overview');
    await screen.findByText('2 of 2 relationships synchronized');
    await user.keyboard('{Control>}k{/Control}');
    await user.type(await find('combobox', 'Go to or do'), 'power off north');
    fireEvent.click(await find('option', /Power off: north-1/));
    expect(await find('dialog', 'Power off: north-1')).toBeDefined();
  });
});

describe('what is drawn and offered', () => {
  test('the scale of the timeline ends at a number that people read, and one long point does not flatten the others', () => {
    expect([0.2, 1, 7, 38, 120, 501].map(niceTop)).toEqual([1, 1, 10, 50, 200, 1000]);
    const usual = Array.from({ length: 49 }, () => 40);
    expect(scaleTopMs([...usual, 60])).toBe(100);
    expect(scaleTopMs([...usual, 9000])).toBe(200);
    expect(scaleTopMs([])).toBe(1);
  });

  test('the trace of the log keeps a minute, begins anew when the clock jumps back, and draws at most five points a second', () => {
    let trace = traced({ at: [], used: [] }, 1000, [10, 0]);
    expect(traced(trace, 1100, [11, 0])).toBe(trace);
    trace = traced(trace, 1200, [20, 0]);
    expect(trace).toEqual({
      at: [1000, 1200],
      used: [
        [10, 20],
        [0, 0],
      ],
    });
    trace = traced(trace, 1100 + TRACE_MS, [30, 1]);
    expect(trace).toEqual({
      at: [1200, 1100 + TRACE_MS],
      used: [
        [20, 30],
        [0, 1],
      ],
    });
    expect(traced(trace, 500, [1, 1])).toEqual({ at: [500], used: [[1], [1]] });
  });

  test('actions follow the state that the engine reports', () => {
    const up = server('north-1');
    const down = server('north-1', { state: 'down' });
    expect(refusalOf('power-off', up, [], [])).toBeNull();
    expect(refusalOf('power-off', down, [], [])).toBe('down');
    expect(refusalOf('power-on', up, [], [])).toBe('up');
    expect(refusalOf('power-on', down, [], [])).toBeNull();
    expect(refusalOf('power-on', down, [], [fault('site-loss', 'site/south')])).toBeNull();
    expect(refusalOf('power-on', down, [], [fault('site-loss', 'site/north')])).toBe('site-lost');
    expect(refusalOf('power-on', down, [], [fault('lab-power-loss', 'lab/power')])).toBe('lab-power');
    // Powering it on is what heals a crash.
    expect(refusalOf('power-on', down, [], [fault('server-crash', 'server/north-1')])).toBeNull();
    expect(refusalOf('skip-peer-wait', up, [volume('orders')], [])).toBe('not-waiting');
    expect(refusalOf('skip-peer-wait', up, [volume('orders', { state: 'waiting' })], [])).toBeNull();
  });

  test('a server is hit by faults of its own, of its site, of its links and of the power of all', () => {
    const live = calm();
    const subjects = subjectsOf(server('north-1'), live.links ?? []);
    const hits = [
      fault('server-crash', 'server/north-1'),
      fault('site-loss', 'site/north'),
      fault('link-cut', `link/${live.links?.[0]?.name ?? ''}`),
      fault('lab-power-loss', 'lab/power'),
    ];
    const misses = [
      fault('server-crash', 'server/north-10'),
      fault('site-loss', 'site/south'),
      fault('clock-jump', 'lab/clock'),
    ];
    expect(faultsOn([...misses, ...hits], subjects)).toEqual(hits);
  });
});

import { MantineProvider } from '@mantine/core';
import { ORPCError } from '@orpc/client';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import './render.tsx';
import { contract } from '../../src-engine/contract/index.ts';
import { parseDurationMs, parseSize } from '../../src-main/cli/units.ts';
import { freeName, inputOf, numberedName } from '../../src-renderer/features/configuration/input.ts';
import { heldBy } from '../../src-renderer/features/configuration/ChangeSheets.tsx';
import { shellWord } from '../../src-renderer/features/configuration/Transfer.tsx';
import { applyLive, initialState } from '../../src-renderer/client/index.ts';
import { Stale, units } from '../../src-renderer/shared/index.ts';
import { FormSheet, text } from '../../src-renderer/shared/form/index.ts';
import { readFields } from '../../src-renderer/shared/form/fields.ts';
import { calm } from './lab/data.ts';

const schema = inputOf(contract.volume.create);

function Sheet({
  send,
  close = () => undefined,
}: {
  send: (input: unknown, requestId: string) => Promise<unknown>;
  close?: () => void;
}) {
  return (
    <FormSheet
      id="test"
      title="Create a volume"
      actionLabel="Create"
      schema={schema}
      initial={{ name: '', pool: 'north-pool', sizeBytes: '64MiB' }}
      fields={() => [
        { kind: 'name', key: 'name', label: 'Name', suggestion: 'volume-1' },
        { kind: 'choice', key: 'pool', label: 'Pool', options: [{ value: 'north-pool', label: 'north-pool' }] },
        { kind: 'size', key: 'sizeBytes', label: 'Size' },
      ]}
      command={(values) => `lockstep volume create ${text(values, 'name')} --size ${text(values, 'sizeBytes')}`}
      preview={(input) => <span>{input === null ? 'not valid' : `valid ${input.sizeBytes}`}</span>}
      onSubmit={(input, requestId) => send(input, requestId)}
      onClose={close}
    />
  );
}

function show(element: React.ReactElement, stale = false) {
  const wrap = (inner: React.ReactElement, old: boolean) => (
    <MantineProvider env="test">
      <Stale value={old}>{inner}</Stale>
    </MantineProvider>
  );
  const result = render(wrap(element, stale));
  return { ...result, again: (old: boolean) => result.rerender(wrap(element, old)), user: userEvent.setup() };
}

const field = (name: string): HTMLInputElement => screen.getByRole('textbox', { name });
const refused = (over: object): Error =>
  new ORPCError('REFUSED', {
    status: 409,
    defined: true,
    message: 'no',
    data: { code: 'volume/name-taken', message: 'Taken.', hint: 'Choose another.', overridable: false, ...over },
  });

beforeEach(() => sessionStorage.clear());

describe('a form over the page', () => {
  test('speaks with the words of the contract at the wrong field, keeps what was typed and puts the focus there', async () => {
    const send = vi.fn(() => Promise.resolve());
    const { user } = show(<Sheet send={send} />);
    await user.type(field('Name'), 'Not a name');
    await user.clear(field('Size'));
    await user.type(field('Size'), '5000{Enter}');
    expect(await screen.findByText('A name has 1 to 63 lower-case letters, digits and inner hyphens')).toBeDefined();
    expect(screen.getByText('A size is a multiple of 4096 bytes')).toBeDefined();
    expect(document.activeElement).toBe(field('Name'));
    expect(field('Size').value).toBe('5000');
    expect(send).not.toHaveBeenCalled();
  });

  test('says a bound in the unit of its field, and what is no size at all in the form’s own words', async () => {
    const { user } = show(<Sheet send={() => Promise.resolve()} />);
    await user.clear(field('Size'));
    await user.type(field('Size'), '100{Enter}');
    expect(await screen.findByText('At least 4 KiB.')).toBeDefined();
    await user.clear(field('Size'));
    await user.type(field('Size'), 'much');
    expect(await screen.findByText(/A size is a number with an optional unit/)).toBeDefined();
    expect(screen.getByText('not valid')).toBeDefined();
  });

  test('takes the suggested name and units as on the command line, sends bytes, and closes', async () => {
    const send = vi.fn((_input: unknown, _requestId: string) => Promise.resolve());
    const close = vi.fn();
    const { user } = show(<Sheet send={send} close={close} />);
    await user.clear(field('Size'));
    await user.type(field('Size'), '8MiB');
    expect(screen.getByText('valid 8388608')).toBeDefined();
    await user.type(field('Size'), '{Enter}');
    await vi.waitFor(() => expect(close).toHaveBeenCalledTimes(1));
    expect(send.mock.calls[0]?.[0]).toEqual({ name: 'volume-1', pool: 'north-pool', sizeBytes: 8 * 2 ** 20 });
    expect(sessionStorage.length).toBe(0);
  });

  test('a refusal that names a field stands at it, any other above the buttons; the same input is sent with the same id', async () => {
    const send = vi.fn((_input: unknown, _requestId: string): Promise<unknown> => Promise.resolve());
    send.mockRejectedValueOnce(refused({ field: 'name' }));
    send.mockRejectedValueOnce(refused({ message: 'The pool is full.', hint: '' }));
    send.mockRejectedValueOnce(new Error('the connection broke'));
    const close = vi.fn();
    const { user } = show(<Sheet send={send} close={close} />);
    await user.type(field('Name'), 'orders{Enter}');
    expect(await screen.findByText('Taken. Choose another.')).toBeDefined();
    expect(field('Name').getAttribute('aria-invalid')).toBe('true');
    await user.type(field('Name'), '2{Enter}');
    expect((await screen.findByText('The pool is full.')).closest('[role="alert"]')).not.toBeNull();
    await user.type(field('Name'), '{Enter}');
    expect(await screen.findByText('the connection broke')).toBeDefined();
    await user.type(field('Name'), '{Enter}');
    await vi.waitFor(() => expect(close).toHaveBeenCalledTimes(1));
    const ids = send.mock.calls.map(([, id]) => id);
    expect(ids[0]).not.toBe(ids[1]);
    expect(new Set(ids.slice(1)).size).toBe(1);
  });

  test('survives a reload in the middle, and forgets what was cancelled', async () => {
    const first = show(<Sheet send={() => Promise.resolve()} />);
    await first.user.type(field('Name'), 'archive');
    first.unmount();
    const close = vi.fn();
    const second = show(<Sheet send={() => Promise.resolve()} close={close} />);
    expect(field('Name').value).toBe('archive');
    await second.user.click(screen.getByRole('button', { name: 'Cancel' }));
    expect(close).toHaveBeenCalledTimes(1);
    second.unmount();
    show(<Sheet send={() => Promise.resolve()} />);
    expect(field('Name').value).toBe('');
  });

  test('while the engine is away nothing is sent and nothing is lost', async () => {
    const send = vi.fn(() => Promise.resolve());
    const { user, again } = show(<Sheet send={send} />, true);
    await user.type(field('Name'), 'archive{Enter}');
    expect(screen.getByText(/The engine does not answer. What you typed stays/)).toBeDefined();
    expect(send).not.toHaveBeenCalled();
    again(false);
    expect(field('Name').value).toBe('archive');
    await user.type(field('Name'), '{Enter}');
    await vi.waitFor(() => expect(send).toHaveBeenCalledTimes(1));
  });
});

describe('what is typed', () => {
  test('sizes and durations are read as the command line reads them', () => {
    for (const typed of ['4096', '64MiB', '1G', '1GB', '1.5k', '3 TiB', '0'])
      expect(units.parseSize(typed)).toBe(parseSize(typed));
    for (const typed of ['', 'much', '-1', '1.0000001', '5 parsecs']) {
      expect(units.parseSize(typed)).toBeNull();
      expect(() => parseSize(typed)).toThrow();
    }
    for (const typed of ['10s', '500ms', '2m', '1h', '3', '1.5s'])
      expect(units.parseDurationMs(typed)).toBe(parseDurationMs(typed));
    expect(units.parseDurationMs('soon')).toBeNull();
  });

  test('a size or a duration that is shown for editing reads back as itself', () => {
    for (const size of [0, 1, 4096, 67_108_864, 5_000_000, 2 ** 40])
      expect(units.parseSize(units.sizeText(size))).toBe(size);
    for (const ms of [0, 1, 999, 1000, 1500, 60_000]) expect(units.parseDurationMs(units.durationText(ms))).toBe(ms);
  });

  test('what is optional and empty is left out; unlimited is no bound', () => {
    const fields = [
      { kind: 'duration', key: 'latencyMs', label: '', optional: true },
      { kind: 'rate', key: 'bandwidth', label: '', optional: true },
      { kind: 'many', key: 'slots', label: '', optional: true, options: [] },
      { kind: 'typed', key: 'confirm', label: '', name: 'orders' },
    ] as const;
    expect(readFields(fields, { latencyMs: '', bandwidth: 'unlimited', slots: [], confirm: 'orders' })).toEqual({
      input: { bandwidth: null, confirm: 'orders' },
      complaints: {},
    });
    expect(readFields(fields, { latencyMs: '10ms', slots: ['2', '0'], confirm: 'Orders' })).toEqual({
      input: { latencyMs: 10, slots: [2, 0] },
      complaints: { confirm: 'typed' },
    });
  });

  test('names are suggested that are free, and never too long', () => {
    expect(freeName('orders', [{ name: 'orders' }, { name: 'orders-2' }])).toBe('orders-3');
    expect(numberedName('site', [{ name: 'site-1' }])).toBe('site-2');
    const long = 'a'.repeat(63);
    expect(freeName(long, [{ name: long }])).toHaveLength(63);
  });

  test('a file name in a command line is quoted where a shell would read it', () => {
    expect(shellWord('orders.img')).toBe('orders.img');
    expect(shellWord("it's mine.img")).toBe(String.raw`'it'\''s mine.img'`);
  });

  test('what stands in the way of a deletion is named', () => {
    const lab = applyLive(initialState, calm());
    expect(heldBy(lab, 'site', 'north')).toContain('north-1');
    expect(heldBy(lab, 'link', lab.links[0]?.name ?? '')).toEqual(expect.arrayContaining(['orders', 'payroll']));
  });
});

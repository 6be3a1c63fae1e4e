import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { pageOfDeepLink } from '../../src-main/desktop/deep-link.ts';
import { isAllowedLink, openLink } from '../../src-main/desktop/external.ts';
import { menuTemplate } from '../../src-main/desktop/menu.ts';
import { DEFAULT_WINDOW, placeWindow, readWindowState } from '../../src-main/desktop/window-state.ts';
import { app, recorded, settings, type FakeWindow } from './fake-electron.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-desktop-'));
const own = 'app://console/';

beforeAll(async () => {
  settings.appPath = scratch;
  settings.userData = scratch;
  mkdirSync(join(scratch, 'out', 'renderer'), { recursive: true });
  writeFileSync(join(scratch, 'out', 'renderer', 'index.html'), '<title>Lockstep</title>');
  writeFileSync(join(scratch, 'secret.js'), 'secret');
  // The real entry; everything below was asked of Electron by it.
  await import('../../src-main/desktop/index.ts');
  settings.makeReady();
  await vi.waitFor(() => expect(recorded.windows).toHaveLength(1));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const firstWindow = (): FakeWindow => recorded.windows[0]!;
const prevented = (): { preventDefault(): void; done: boolean } => {
  const event = { done: false, preventDefault: () => void (event.done = true) };
  return event;
};

describe('windows', () => {
  test('rule 1: isolated, sandboxed, without Node; nothing relaxed', () => {
    const preferences = firstWindow().options.webPreferences;
    expect(preferences).toMatchObject({ contextIsolation: true, sandbox: true, nodeIntegration: false });
    const allowed = ['contextIsolation', 'devTools', 'nodeIntegration', 'preload', 'sandbox'];
    expect(Object.keys(preferences).sort()).toEqual(allowed);
  });

  test('rule 2: the sandbox is on before ready', () => {
    const order = recorded.calls;
    expect(order.indexOf('app.enableSandbox')).toBeGreaterThanOrEqual(0);
    expect(order.indexOf('app.enableSandbox')).toBeLessThan(order.indexOf('app.whenReady'));
  });

  test('rule 3: pages come from app://console, whose scheme has exactly three privileges', () => {
    expect(firstWindow().loaded).toEqual([`${own}#/`]);
    expect(recorded.schemes).toEqual([
      { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
    ]);
    expect(recorded.calls.indexOf('protocol.registerSchemesAsPrivileged')).toBeLessThan(
      recorded.calls.indexOf('app.whenReady'),
    );
  });

  test('rule 10: navigation, redirects, embedding and new windows are prevented', () => {
    const { webContents } = firstWindow();
    for (const name of ['will-navigate', 'will-redirect', 'will-attach-webview']) {
      const event = prevented();
      webContents.emit(name, event);
      expect(event.done).toBe(true);
    }
    expect(webContents.openHandler?.({ url: 'https://evil.example' })).toEqual({ action: 'deny' });
    expect(recorded.opened).toEqual([]);
  });

  test('rule 21: a crashed page is loaded again', () => {
    const { webContents } = firstWindow();
    webContents.emit('render-process-gone', {}, { reason: 'crashed' });
    expect(webContents.reloads).toBe(1);
    webContents.emit('render-process-gone', {}, { reason: 'clean-exit' });
    expect(webContents.reloads).toBe(1);
  });

  test('its place is remembered, and forgotten when that display is gone', () => {
    firstWindow().emit('close');
    const state = readWindowState(join(scratch, 'window.json'));
    expect(state).toEqual({ x: 10, y: 20, width: 1000, height: 700, maximized: true });
    expect(placeWindow(state, [{ x: 0, y: 0, width: 800, height: 600 }])).toEqual(state);
    expect(placeWindow({ ...state, x: 5000 }, [{ x: 0, y: 0, width: 800, height: 600 }])).toEqual({
      width: 1000,
      height: 700,
      maximized: true,
    });
    writeFileSync(join(scratch, 'window.json'), '{"width":"wide"}');
    expect(readWindowState(join(scratch, 'window.json'))).toEqual(DEFAULT_WINDOW);
  });
});

describe('rule 4: the protocol handler', () => {
  const get = async (url: string): Promise<number> =>
    (await recorded.protocolHandlers.get('app')!({ url, method: 'GET' } as Request)).status;
  test('serves the console, with its policy', async () => {
    const response = await recorded.protocolHandlers.get('app')!(new Request('app://console/'));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
  });
  test.each([
    'app://console/%2e%2e/secret.js',
    'app://console/a/..%2f..%2fsecret.js',
    'app://console/%252e%252e/secret.js',
  ])('%s is 403', async (url) => {
    expect(await get(url)).toBe(403);
  });
  test('another host is 421', async () => {
    expect(await get('app://other/')).toBe(421);
  });
});

describe('rule 6: the hand-over of ports', () => {
  const ask = (frame: unknown): void => void recorded.ipc.get('lockstep:port')!({ senderFrame: frame } as never);

  test('there is one IPC channel', () => {
    expect([...recorded.ipc.keys()]).toEqual(['lockstep:port']);
  });

  test('the main frame of a page of ours gets one end, the engine process the other', () => {
    const given: unknown[][] = [];
    ask({ url: own, parent: null, postMessage: (...args: unknown[]) => void given.push(args) });
    expect(given).toEqual([['lockstep:port', null, [{ name: 'window end' }]]]);
    expect(recorded.children[0]!.messages.at(-1)).toEqual({
      message: { type: 'port' },
      ports: [{ name: 'engine end' }],
    });
  });

  test.each([
    ['a foreign page', { url: 'https://evil.example/', parent: null }],
    ['a look-alike host', { url: 'app://console.evil/', parent: null }],
    ['a file', { url: 'file:///etc/passwd', parent: null }],
    ['an inner frame', { url: own, parent: {} }],
    ['no page', { url: '', parent: null }],
  ])('%s gets nothing', (_name, frame) => {
    const before = recorded.children[0]!.messages.length;
    ask({ ...frame, postMessage: () => expect.unreachable() });
    ask(null);
    expect(recorded.children[0]!.messages).toHaveLength(before);
  });
});

test('rule 9: every permission is denied', () => {
  for (const permission of [
    'media',
    'geolocation',
    'notifications',
    'midi',
    'clipboard-read',
    'fullscreen',
    'openExternal',
    'usb',
    'serial',
    'hid',
    'idle-detection',
    'unknown',
  ]) {
    const answers: boolean[] = [];
    recorded.permission.request!(
      null as never,
      permission as never,
      ((answer: boolean) => void answers.push(answer)) as never,
    );
    expect(answers).toEqual([false]);
    expect(recorded.permission.check!(null as never, permission as never)).toBe(false);
    expect(recorded.permission.device!({ deviceType: permission } as never)).toBe(false);
  }
});

describe('rules 11 and 12: links', () => {
  test.each([
    ['https://lockstep.example/manual', true],
    ['http://lockstep.example/', false],
    ['https://lockstep.example.evil/', false],
    ['https://user@lockstep.example/', false],
    ['https://lockstep.example:8443/', false],
    ['file:///etc/passwd', false],
    ['javascript:alert(1)', false],
    ['smb://lockstep.example/', false],
    ['not a link', false],
  ])('%s is handed to the browser: %s', (link, expected) => {
    const before = recorded.opened.length;
    expect(isAllowedLink(link)).toBe(expected);
    expect(openLink(link)).toBe(expected);
    expect(recorded.opened.length - before).toBe(expected ? 1 : 0);
  });

  test.each([
    ['lockstep://open/replication/payroll', '/replication/payroll'],
    ['lockstep://open/events', '/events'],
    ['lockstep://open/../../etc', null],
    ['lockstep://open/replication/a/b', null],
    ['lockstep://run/rm', null],
    ['lockstep://open/events?x=1', null],
    ['lockstep://user@open/events', null],
    ['https://open/events', null],
    ['--inspect', null],
  ])('the deep link %s leads to %s', (link, page) => expect(pageOfDeepLink(link)).toBe(page));

  test('a second instance brings the window to the front and follows a proper link only', () => {
    const before = firstWindow().loaded.length;
    app.emit('second-instance', {}, ['lockstep', 'lockstep://open/../etc']);
    expect(recorded.calls).toContain('window.focus');
    expect(firstWindow().loaded).toHaveLength(before);
    app.emit('second-instance', {}, ['lockstep', 'lockstep://open/events']);
    expect(firstWindow().loaded.at(-1)).toBe('app://console/#/events');
    expect(recorded.calls).toContain('app.requestSingleInstanceLock');
  });
});

test('rule 19: DevTools are in the menu of a checkout, not of a packaged build', () => {
  const text = (devTools: boolean): string =>
    JSON.stringify(
      menuTemplate({ openLab: () => undefined, newWindow: () => undefined, go: () => undefined, devTools }),
    );
  expect(text(true)).toContain('toggleDevTools');
  expect(text(false)).not.toContain('toggleDevTools');
});

describe('the engine process', () => {
  test('is started once with the directory of the lab', () => {
    expect(recorded.children[0]!.entry).toBe(join(scratch, 'out', 'main', 'engine-process.js'));
    expect(recorded.children[0]!.messages[0]!.message).toMatchObject({
      type: 'start',
      engineStarts: 1,
      lastCrash: null,
    });
  });

  test('rule 21: when it dies another is started and told why; ports asked for meanwhile reach the new one', async () => {
    vi.useFakeTimers();
    recorded.children[0]!.emit('exit', 139);
    recorded.ipc.get('lockstep:port')!({
      senderFrame: { url: own, parent: null, postMessage: () => undefined },
    } as never);
    expect(recorded.children).toHaveLength(1);
    await vi.runAllTimersAsync();
    vi.useRealTimers();
    expect(recorded.children).toHaveLength(2);
    expect(recorded.children[1]!.messages.map(({ message }) => message.type)).toEqual(['start', 'port']);
    expect(recorded.children[1]!.messages[0]!.message).toMatchObject({
      engineStarts: 2,
      lastCrash: expect.stringContaining('139') as string,
    });
  });

  test('quitting waits until it has closed its files, and starts no other', async () => {
    const event = prevented();
    app.emit('before-quit', event);
    expect(event.done).toBe(true);
    const child = recorded.children[1]!;
    expect(child.messages.at(-1)!.message).toEqual({ type: 'stop' });
    expect(recorded.calls).not.toContain('app.quit');
    child.emit('exit', 0);
    await vi.waitFor(() => expect(recorded.calls).toContain('app.quit'));
    expect(recorded.children).toHaveLength(2);
    const again = prevented();
    app.emit('before-quit', again);
    expect(again.done).toBe(false);
  });
});

test('rule 8: the preload exposes one frozen object with one function, and hands ports to the page alone', async () => {
  const posted: unknown[][] = [];
  vi.stubGlobal('window', {
    location: { origin: 'app://console' },
    postMessage: (...args: unknown[]) => void posted.push(args),
  });
  await import('../../src-main/preload/index.ts');
  expect([...recorded.exposed.keys()]).toEqual(['lockstep']);
  const api = recorded.exposed.get('lockstep') as { connect(): void };
  expect(Object.isFrozen(api)).toBe(true);
  expect(Object.keys(api)).toEqual(['connect']);
  api.connect();
  expect(recorded.sent).toEqual([['lockstep:port']]);
  recorded.received.get('lockstep:port')!({ ports: ['port'] } as never);
  expect(posted).toEqual([[{ type: 'lockstep:port' }, 'app://console', ['port']]]);
  vi.unstubAllGlobals();
});

describe('what the sources hold', () => {
  const root = join(import.meta.dirname, '..', '..');
  const sources = readdirSync(join(root, 'src-main'), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ file, text: readFileSync(join(root, 'src-main', file), 'utf8') }));
  const filesWith = (pattern: RegExp): string[] =>
    sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file);

  test('rule 3: no window loads a file', () => expect(filesWith(/loadFile|['"`]file:/)).toEqual([]));
  test('rule 6: ipcMain is in one file', () =>
    expect(filesWith(/\bipcMain\b/)).toEqual([join('desktop', 'port-handover.ts')]));
  test('rule 11: openExternal is in one file', () =>
    expect(filesWith(/\bopenExternal\b/)).toEqual([join('desktop', 'external.ts')]));
  test('rule 1: nothing turns a guard off', () =>
    expect(
      filesWith(/webviewTag|webSecurity|allowRunningInsecureContent|nodeIntegration: true|sandbox: false/),
    ).toEqual([]));
});

import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

test.each([
  ['a packaged build is not', true, 0, true],
  ['a user who is not root is not', false, 1000, true],
  ['root in a checkout is', false, 0, false],
])('rule 2: asked for --no-sandbox, %s obeyed', async (_name, isPackaged, uid, sandboxed) => {
  vi.spyOn(process as { getuid(): number }, 'getuid').mockReturnValue(uid);
  const { recorded, settings } = await import('./fake-electron.ts');
  Object.assign(settings, { isPackaged, noSandbox: true, gotLock: false });
  await import('../../src-main/desktop/index.ts');
  expect(recorded.calls.includes('app.enableSandbox')).toBe(sandboxed);
  // No lock: another instance has it; this one ends without touching anything.
  expect(recorded.calls.at(-1)).toBe('app.quit');
  expect(recorded.children).toHaveLength(0);
});

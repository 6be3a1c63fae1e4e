import { defineConfig } from '@playwright/test';
import type { HostOptions } from './e2e/hosts.ts';

/**
 * The same specs against both hosts: `desktop` is the real Electron (LOCKSTEP_ELECTRON), `headless` the host process with
 * Chromium (LOCKSTEP_CHROMIUM). Each test has a lab directory and a host of its own.
 */
export default defineConfig<HostOptions>({
  testDir: 'e2e',
  testMatch: '**/*.spec.ts',
  timeout: 300_000,
  expect: { timeout: 20_000 },
  use: { actionTimeout: 30_000 },
  workers: 1,
  fullyParallel: false,
  forbidOnly: Boolean(process.env['CI']),
  reporter: [['list']],
  outputDir: 'test-results',
  projects: [
    { name: 'headless', use: { hostKind: 'headless' } },
    { name: 'desktop', use: { hostKind: 'desktop' } },
  ],
});

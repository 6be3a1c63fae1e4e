import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRouterClient, ORPCError } from '@orpc/server';
import type { Refusal } from '../../src-engine/contract/index.ts';
import { openLab, Refused } from '../../src-engine/lab/index.ts';

const MIB = 1024 * 1024;
const settings = {
  cpIntervalMs: 300,
  logHalfBytes: 4 * MIB,
  peerWaitMs: 3000,
  mirrorTimeoutMs: 1000,
  heartbeatMs: 100,
};
const demoSizes = { payrollBytes: 8 * MIB, ordersBytes: 4 * MIB, northDiskBytes: 32 * MIB, southDiskBytes: 48 * MIB };
const process_ = { pid: process.pid, host: 'test-host', log: { write: () => undefined } };

/** A lab on real files with small volumes and short times. */
export async function open(directory: string, demo: boolean, look = false) {
  const opened = await openLab({
    directory,
    process: process_,
    settings,
    demoSizes,
    look,
    ...(demo ? { create: { demo: 'two-site' as const } } : {}),
  });
  const client = createRouterClient(opened.router, { context: { actor: 'test' } });
  return { ...opened, client, directory };
}
export type OpenLab = Awaited<ReturnType<typeof open>>;

export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'lockstep-lab-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export async function until(
  what: string,
  reached: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await reached())) {
    if (performance.now() > end) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Why a call was refused; fails where it was not. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof Refused) return error.refusal;
  if (error instanceof ORPCError && error.code === 'REFUSED') return error.data as Refusal;
  throw new Error(`not refused: ${String(error)}`);
}

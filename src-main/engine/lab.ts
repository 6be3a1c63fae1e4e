import { hostname } from 'node:os';
import { openLab } from '../../src-engine/lab/index.ts';
import type { LabOpener } from './engine.ts';

/** The real lab. */
export const openRealLab: LabOpener = (request) =>
  openLab({
    ...request,
    process: { pid: process.pid, host: hostname(), sqliteBinding: process.env['LOCKSTEP_SQLITE_BINDING'] },
  });

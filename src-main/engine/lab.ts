import { hostname } from 'node:os';
import { openLab } from '../../src-engine/lab/index.ts';
import type { LabOpener } from './engine.ts';

/** The real lab, in this process. */
export const openRealLab: LabOpener = ({ directory, create }) =>
  openLab({
    directory,
    ...(create === undefined ? {} : { create }),
    process: { pid: process.pid, host: hostname(), sqliteBinding: process.env['LOCKSTEP_SQLITE_BINDING'] },
  });

import { hostname } from 'node:os';
import { openLab } from '../../src-engine/lab/index.ts';
import type { LabOpener } from './engine.ts';

/** The real lab, in this process. */
export const openRealLab: LabOpener = ({ directory, create, settled, look }) =>
  openLab({
    directory,
    ...(create === undefined ? {} : { create }),
    ...(settled === undefined ? {} : { settled }),
    ...(look === undefined ? {} : { look }),
    process: { pid: process.pid, host: hostname(), sqliteBinding: process.env['LOCKSTEP_SQLITE_BINDING'] },
  });

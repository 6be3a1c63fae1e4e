import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const stateSchema = z.object({
  x: z.number().int().optional(),
  y: z.number().int().optional(),
  width: z.number().int().min(640).max(20_000),
  height: z.number().int().min(480).max(20_000),
  maximized: z.boolean(),
});
export type WindowState = z.infer<typeof stateSchema>;

export const DEFAULT_WINDOW: WindowState = { width: 1440, height: 900, maximized: false };

interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The remembered place, if enough of it is on a display that is still there; sizes are kept in any case. */
export function placeWindow(remembered: WindowState, displays: readonly Area[]): WindowState {
  const { x, y, ...size } = remembered;
  if (x === undefined || y === undefined) return size;
  const visible = displays.some(
    (area) => x + 100 > area.x && x + 100 < area.x + area.width && y >= area.y && y + 50 < area.y + area.height,
  );
  return visible ? remembered : size;
}

/** What was remembered; the default for a missing or unreadable file. */
export function readWindowState(file: string): WindowState {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return DEFAULT_WINDOW;
  }
}

export function writeWindowState(file: string, state: WindowState): void {
  writeFileSync(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

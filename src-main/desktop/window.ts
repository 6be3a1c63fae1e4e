import { join } from 'node:path';
import { app, BrowserWindow, nativeTheme, screen } from 'electron';
import { APP_ORIGIN } from './origin.ts';
import { placeWindow, readWindowState, writeWindowState } from './window-state.ts';

export interface WindowOptions {
  readonly preload: string;
  /** Page of the console, beginning with `/`. */
  readonly page: string;
}

const stateFile = (): string => join(app.getPath('userData'), 'window.json');

/** A window with a page of the console. Security rule 1 is here; nothing of it may be relaxed. */
export function openWindow({ preload, page }: WindowOptions): BrowserWindow {
  const areas = screen.getAllDisplays().map((display) => display.workArea);
  const { maximized, width, height, x, y } = placeWindow(readWindowState(stateFile()), areas);
  const window = new BrowserWindow({
    width,
    height,
    ...(x === undefined || y === undefined ? {} : { x, y }),
    minWidth: 640,
    minHeight: 480,
    show: false,
    title: 'Lockstep',
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#141517' : '#ffffff',
    webPreferences: {
      preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      devTools: !app.isPackaged,
    },
  });
  if (maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  window.on('close', () => {
    writeWindowState(stateFile(), { ...window.getNormalBounds(), maximized: window.isMaximized() });
  });
  // A crashed page is loaded again: it connects anew, the engine never noticed.
  window.webContents.on('render-process-gone', (_event, details) => {
    if (details.reason !== 'clean-exit') window.webContents.reload();
  });
  goTo(window, page);
  return window;
}

export function goTo(window: BrowserWindow, page: string): void {
  void window.loadURL(`${APP_ORIGIN}/#${page}`);
}

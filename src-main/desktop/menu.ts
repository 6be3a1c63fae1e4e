import { Menu, type MenuItemConstructorOptions } from 'electron';

export interface MenuActions {
  readonly openLab: () => void;
  readonly newWindow: () => void;
  readonly go: (page: string) => void;
  /** Security rule 19: false in packaged builds. */
  readonly devTools: boolean;
}

const PAGES: readonly (readonly [label: string, page: string, accelerator: string])[] = [
  ['Overview', '/', 'CmdOrCtrl+1'],
  ['Replication', '/replication', 'CmdOrCtrl+2'],
  ['Recovery', '/recovery', 'CmdOrCtrl+3'],
  ['Faults', '/faults', 'CmdOrCtrl+4'],
  ['Events', '/events', 'CmdOrCtrl+5'],
];

export function menuTemplate(actions: MenuActions): MenuItemConstructorOptions[] {
  const mac: MenuItemConstructorOptions[] = process.platform === 'darwin' ? [{ role: 'appMenu' }] : [];
  const devTools: MenuItemConstructorOptions[] = actions.devTools
    ? [{ type: 'separator' }, { role: 'toggleDevTools' }]
    : [];
  return [
    ...mac,
    {
      label: '&File',
      submenu: [
        { label: 'New Window', accelerator: 'CmdOrCtrl+N', click: () => actions.newWindow() },
        { label: 'Open Lab…', accelerator: 'CmdOrCtrl+O', click: () => actions.openLab() },
        { type: 'separator' },
        process.platform === 'darwin' ? { role: 'close' } : { role: 'quit' },
      ],
    },
    { role: 'editMenu' },
    {
      label: '&Go',
      submenu: PAGES.map(([label, page, accelerator]) => ({ label, accelerator, click: () => actions.go(page) })),
    },
    {
      label: '&View',
      submenu: [
        { role: 'reload' },
        { type: 'separator' },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { role: 'togglefullscreen' },
        ...devTools,
      ],
    },
    { role: 'windowMenu' },
  ];
}

export function setMenu(actions: MenuActions): void {
  Menu.setApplicationMenu(Menu.buildFromTemplate(menuTemplate(actions)));
}

import { app, session, type Session, type WebContents } from 'electron';
import { openLink } from './external.ts';
import { isOwnPage } from './origin.ts';

/** Security rule 9: no permission is ever granted. */
export function denyPermissions(of: Session = session.defaultSession): void {
  of.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  of.setPermissionCheckHandler(() => false);
  of.setDevicePermissionHandler(() => false);
}

/** Security rule 10: a window stays where it is, opens no other, and embeds nothing. */
export function lockNavigation(contents: WebContents): void {
  // Reloading the same page (Ctrl-R) does not raise these; the console's router changes the URL without navigation.
  contents.on('will-navigate', (event) => event.preventDefault());
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    if (!isOwnPage(url)) openLink(url);
    return { action: 'deny' };
  });
}

/** Holds for every window there will ever be. */
export function lockEverything(): void {
  app.on('web-contents-created', (_event, contents) => lockNavigation(contents));
}

/** The one origin of the desktop's windows. */
export const APP_SCHEME = 'app';
export const APP_HOST = 'console';
export const APP_ORIGIN = `${APP_SCHEME}://${APP_HOST}`;

/** True for a page of ours. `new URL(...).origin` is "null" for schemes of one's own, so the parts are compared. */
export function isOwnPage(link: string): boolean {
  try {
    const url = new URL(link);
    return url.protocol === `${APP_SCHEME}:` && url.host === APP_HOST;
  } catch {
    return false;
  }
}

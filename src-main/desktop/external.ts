import { shell } from 'electron';

/** Security rule 11: these pages, over https, and nothing else is ever handed to the system's browser. */
const ALLOWED_HOSTS: ReadonlySet<string> = new Set(['lockstep.example']);

export function isAllowedLink(link: string): boolean {
  let url: URL;
  try {
    url = new URL(link);
  } catch {
    return false;
  }
  return url.protocol === 'https:' && ALLOWED_HOSTS.has(url.host) && url.username === '' && url.password === '';
}

/** Opens a link of ours in the system's browser; false where it is none. */
export function openLink(link: string): boolean {
  if (!isAllowedLink(link)) return false;
  void shell.openExternal(link);
  return true;
}

import { useEffect, useRef } from 'react';
import { useNavigate } from 'react-router';
import { features } from './features.ts';

export type Overlay = 'palette' | 'keys';

const SEQUENCE_MS = 1200;

const placeOf = (letter: string): string | undefined => features.find((feature) => feature.letter === letter)?.place;

/** Single letters belong to the page only while nobody types and no sheet is open. */
function taken(target: EventTarget | null): boolean {
  if (document.querySelector('[role="dialog"]') !== null) return true;
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable="true"]') !== null;
}

/** The keyboard map of the shell: Ctrl/Cmd-K, `?`, `j`, and `g` followed by the letter of a page. */
export function useKeys(open: (overlay: Overlay) => void, toggleJobs: () => void): void {
  const navigate = useNavigate();
  const goAt = useRef(0);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        if (document.querySelector('[role="dialog"]') === null) open('palette');
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || taken(event.target)) return;
      const going = Date.now() - goAt.current < SEQUENCE_MS;
      goAt.current = 0;
      const place = going ? placeOf(event.key) : undefined;
      if (place !== undefined) void navigate(`/${place}`);
      else if (event.key === 'g') goAt.current = Date.now();
      else if (event.key === '?') open('keys');
      else if (event.key === 'j') toggleJobs();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [navigate, open, toggleJobs]);
}

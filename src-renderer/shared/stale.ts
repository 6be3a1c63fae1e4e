import { createContext, useContext } from 'react';

/** Set while the connection to the engine is lost: what is shown may be old, and nothing can be asked. */
export const Stale = createContext(false);

export function useStale(): boolean {
  return useContext(Stale);
}

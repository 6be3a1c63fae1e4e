import { useCallback, useEffect, useRef, useState } from 'react';
import type { LabEvent, Severity } from '../../../src-engine/contract/index.ts';
import { explain, requestId, rpc, useLive } from '../../client/index.ts';

export interface Filter {
  severity: Severity | null;
  kind: string | null;
  /** Only alerts that nobody acknowledged. */
  open: boolean;
}

export interface EventList {
  /** Newest first. */
  events: readonly LabEvent[];
  more: boolean;
  loading: boolean;
  error: string | null;
  older(): void;
  /** Marks these as seen; the answer says how they stand then. */
  acknowledge(ids: readonly number[]): Promise<void>;
}

const PAGE = 500;
const ACKNOWLEDGED_AT_ONCE = 500;

/** The newest page, older ones on demand, and new events on top as the live stream announces them. */
export function useEvents(filter: Filter, following: boolean): EventList {
  const lastEventId = useLive((state) => state.lastEventId);
  const live = useLive((state) => state.connection === 'live');
  const [events, setEvents] = useState<readonly LabEvent[]>([]);
  const [more, setMore] = useState(true);
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState<string | null>(null);
  // Answers of an earlier filter must not land in the list of the present one.
  const round = useRef(0);
  const busy = useRef(false);
  const { severity, kind, open } = filter;

  const ask = useCallback(
    async (where: { after?: number; before?: number }): Promise<readonly LabEvent[]> => {
      const page = await rpc().event.list({
        limit: PAGE,
        ...where,
        ...(severity === null ? {} : { severity }),
        ...(kind === null ? {} : { kind }),
        ...(open ? { open } : {}),
      });
      return page.events;
    },
    [severity, kind, open],
  );

  const load = useCallback(
    async (
      where: { after?: number; before?: number },
      merge: (old: readonly LabEvent[], page: readonly LabEvent[]) => readonly LabEvent[],
      pages: boolean,
    ): Promise<void> => {
      if (busy.current) return;
      busy.current = true;
      const mine = round.current;
      setLoading(true);
      try {
        const page = await ask(where);
        if (mine === round.current) {
          setEvents((old) => merge(old, page));
          if (pages) setMore(page.length === PAGE);
          setError(null);
        }
      } catch (failure) {
        if (mine === round.current) setError(explain(failure));
      } finally {
        if (mine === round.current) {
          busy.current = false;
          setLoading(false);
        }
      }
    },
    [ask],
  );

  useEffect(() => {
    round.current += 1;
    busy.current = false;
    setEvents([]);
    setMore(true);
    void load({}, (_old, page) => page, true);
  }, [load]);

  const newest = events[0]?.id ?? 0;
  useEffect(() => {
    if (!following || !live || newest === 0 || lastEventId <= newest) return;
    void load({ after: newest }, (old, page) => [...page.toReversed(), ...old], false);
  }, [following, live, lastEventId, newest, load]);

  const older = useCallback(() => {
    const oldest = events.at(-1)?.id;
    if (oldest !== undefined) void load({ before: oldest }, (old, page) => [...old, ...page], true);
  }, [events, load]);

  const acknowledge = useCallback(
    async (ids: readonly number[]): Promise<void> => {
      try {
        for (let at = 0; at < ids.length; at += ACKNOWLEDGED_AT_ONCE)
          await rpc().event.acknowledge({
            events: ids.slice(at, at + ACKNOWLEDGED_AT_ONCE),
            requestId: requestId(),
          });
        // Whoever was first stands there, and when: asked for again, not guessed.
        round.current += 1;
        busy.current = false;
        await load({}, (_old, page) => page, true);
      } catch (failure) {
        setError(explain(failure));
      }
    },
    [load],
  );

  return { events, more, loading, error, older, acknowledge };
}

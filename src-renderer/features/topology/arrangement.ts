/** Positions set by hand, per lab, in this browser only: a picture, not a property of the lab. */
export type Arrangement = Readonly<Record<string, { readonly x: number; readonly y: number }>>;

const keyOf = (lab: string): string => `lockstep.topology.${lab}`;

export function loadArrangement(lab: string): Arrangement {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(keyOf(lab)) ?? '{}');
    if (typeof kept !== 'object' || kept === null) return {};
    return Object.fromEntries(
      Object.entries(kept).flatMap(([id, at]: [string, unknown]) => {
        const { x, y } = (at ?? {}) as { x?: unknown; y?: unknown };
        return typeof x === 'number' && typeof y === 'number' ? [[id, { x, y }]] : [];
      }),
    );
  } catch {
    // Unreadable or forbidden storage: the automatic layout serves as well.
    return {};
  }
}

export function saveArrangement(lab: string, arrangement: Arrangement): void {
  try {
    if (Object.keys(arrangement).length === 0) localStorage.removeItem(keyOf(lab));
    else localStorage.setItem(keyOf(lab), JSON.stringify(arrangement));
  } catch {
    // The picture is arranged until the page is left.
  }
}

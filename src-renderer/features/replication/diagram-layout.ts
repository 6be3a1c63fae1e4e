import type { ImageState, MirrorAction, StateMachine } from '../../../src-engine/contract/index.ts';

/** Where each state stands on the board: health rises to the right, trouble sinks. */
export const place: Record<ImageState, readonly [number, number]> = {
  NotEstablished: [70, 106],
  Synchronizing: [250, 106],
  Synchronized: [430, 106],
  Consistent: [610, 106],
  OutOfSync: [70, 276],
  RollingBack: [250, 276],
  Outdated: [430, 276],
  Diverged: [610, 276],
};
export const BOARD = { width: 680, height: 382 } as const;
export const HALF_WIDTH = 60;
export const HALF_HEIGHT = 20;
const LABEL_HEIGHT = 24;
/** A button's text is this wide a letter, and its frame adds the rest. */
const LETTER = 6.6;
const FRAME = 22;
/** Where on its curve a label may stand, the best first. */
const SPOTS = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.2, 0.8] as const;
/** And how far beside it. */
const ASIDE = [0, -14, 14, -28, 28, -44, 44] as const;

export type Point = readonly [number, number];

export interface Edge {
  from: ImageState;
  to: ImageState;
  actions: readonly MirrorAction[];
  /** What leads along it without being asked for. */
  events: readonly string[];
}

export interface Curve {
  start: Point;
  control: Point;
  end: Point;
  /** Degrees in which the arrow head points. */
  heading: number;
}

interface Box {
  x: number;
  y: number;
  halfWidth: number;
  halfHeight: number;
}

/** One drawn edge per pair of states, with everything that leads along it. */
export function edgesOf(machine: {
  readonly transitions: readonly Readonly<StateMachine['transitions'][number]>[];
}): Edge[] {
  const edges = new Map<
    string,
    { from: ImageState; to: ImageState; actions: Set<MirrorAction>; events: Set<string> }
  >();
  for (const { from, to, action, event } of machine.transitions) {
    if (from === to) continue;
    const key = `${from}>${to}`;
    const edge = edges.get(key) ?? { from, to, actions: new Set(), events: new Set() };
    if (action === null) edge.events.add(event);
    else edge.actions.add(action);
    edges.set(key, edge);
  }
  return [...edges.values()].map((edge) => ({ ...edge, actions: [...edge.actions], events: [...edge.events] }));
}

/** A quadratic curve that leaves and enters the boxes at their edge; opposite directions bend to opposite sides. */
export function curveOf(from: ImageState, to: ImageState): Curve {
  const [x1, y1] = place[from];
  const [x2, y2] = place[to];
  const dx = x2 - x1;
  const dy = y2 - y1;
  const length = Math.hypot(dx, dy);
  const sameRow = dy === 0;
  // Same row: arc over the neighbours, higher the further. Across rows: a slight bend keeps twins apart.
  const bend = sameRow ? (Math.abs(dx) > 200 ? 12 + Math.abs(dx) * 0.145 : 17) : 14;
  const outward = sameRow ? (y1 < 190 ? -1 : 1) : 1;
  const nx = sameRow ? 0 : (-dy / length) * bend;
  const ny = sameRow ? outward * bend * (dx > 0 || Math.abs(dx) > 200 ? 1 : -1) : (dx / length) * bend;
  const control: Point = [(x1 + x2) / 2 + nx * 2, (y1 + y2) / 2 + ny * 2];
  const start = border(place[from], control);
  const end = border(place[to], control);
  const heading = (Math.atan2(end[1] - control[1], end[0] - control[0]) * 180) / Math.PI;
  return { start, control, end, heading };
}

/** Where the line from the middle of a box towards a point crosses its edge. */
function border([x, y]: Point, [tx, ty]: Point): Point {
  const dx = tx - x;
  const dy = ty - y;
  const scale = Math.min(
    dx === 0 ? Infinity : (HALF_WIDTH + 3) / Math.abs(dx),
    dy === 0 ? Infinity : (HALF_HEIGHT + 3) / Math.abs(dy),
  );
  return [Math.round((x + dx * scale) * 10) / 10, Math.round((y + dy * scale) * 10) / 10];
}

function pointOn({ start, control, end }: Curve, at: number): Point {
  const back = 1 - at;
  return [
    back * back * start[0] + 2 * back * at * control[0] + at * at * end[0],
    back * back * start[1] + 2 * back * at * control[1] + at * at * end[1],
  ];
}

const overlap = (a: Box, b: Box): boolean =>
  Math.abs(a.x - b.x) < a.halfWidth + b.halfWidth && Math.abs(a.y - b.y) < a.halfHeight + b.halfHeight;

const inside = (box: Box): boolean =>
  box.x - box.halfWidth >= 0 &&
  box.x + box.halfWidth <= BOARD.width &&
  box.y - box.halfHeight >= 0 &&
  box.y + box.halfHeight <= BOARD.height;

/** How wide the buttons with these texts are, side by side. */
function widthOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length * LETTER + FRAME, 0) + (texts.length - 1) * 4;
}

/**
 * A place for every label near its curve: on the board, on no box, on no other label. Where there is none, the middle of
 * the curve has to do. Pure.
 */
export function placeLabels(labels: readonly { curve: Curve; texts: readonly string[] }[]): Point[] {
  const taken: Box[] = Object.values(place).map(([x, y]) => ({
    x,
    y,
    halfWidth: HALF_WIDTH + 3,
    halfHeight: HALF_HEIGHT + 3,
  }));
  return labels.map(({ curve, texts }) => {
    const size = { halfWidth: widthOf(texts) / 2, halfHeight: LABEL_HEIGHT / 2 };
    for (const aside of ASIDE) {
      for (const spot of SPOTS) {
        const [x, y] = pointOn(curve, spot);
        const box = { x, y: y + aside, ...size };
        if (!inside(box) || taken.some((other) => overlap(box, other))) continue;
        taken.push(box);
        return [box.x, box.y];
      }
    }
    return pointOn(curve, 0.5);
  });
}

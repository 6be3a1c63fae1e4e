import { useId, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ImageState, Mirror, MirrorAction, StateMachine } from '../../../src-engine/contract/index.ts';
import { imageStateLook } from '../../shared/index.ts';
import classes from './replication.module.css';

/** Where each state stands on the board: health rises to the right, trouble sinks. */
const place: Record<ImageState, readonly [number, number]> = {
  NotEstablished: [68, 94],
  Synchronizing: [236, 94],
  Synchronized: [404, 94],
  Consistent: [572, 94],
  OutOfSync: [68, 254],
  RollingBack: [236, 254],
  Outdated: [404, 254],
  Diverged: [572, 254],
};
const HALF_WIDTH = 58;
const HALF_HEIGHT = 19;

type Point = readonly [number, number];

interface Edge {
  from: ImageState;
  to: ImageState;
  actions: readonly MirrorAction[];
  events: readonly string[];
}

/** One drawn edge per pair of states, with everything that leads along it. */
function edgesOf(machine: StateMachine): Edge[] {
  const edges = new Map<
    string,
    { from: ImageState; to: ImageState; actions: Set<MirrorAction>; events: Set<string> }
  >();
  for (const { from, to, action, event } of machine.transitions) {
    if (from === to) continue;
    const key = `${from}>${to}`;
    const edge = edges.get(key) ?? { from, to, actions: new Set(), events: new Set() };
    if (action !== null) edge.actions.add(action);
    edge.events.add(event);
    edges.set(key, edge);
  }
  return [...edges.values()].map((edge) => ({ ...edge, actions: [...edge.actions], events: [...edge.events] }));
}

/** A quadratic curve that leaves and enters the boxes at their edge; opposite directions bend to opposite sides. */
function curve(from: ImageState, to: ImageState): { path: string; tip: Point; middle: Point; heading: number } {
  const [x1, y1] = place[from];
  const [x2, y2] = place[to];
  const dx = x2 - x1;
  const dy = y2 - y1;
  const length = Math.hypot(dx, dy);
  const sameRow = dy === 0;
  // Same row: arc over the neighbours, higher the further. Across rows: a slight bend keeps twins apart.
  const bend = sameRow ? (Math.abs(dx) > 200 ? 10 + Math.abs(dx) * 0.11 : 14) : 14;
  const outward = sameRow ? (y1 < 170 ? -1 : 1) : 1;
  const nx = sameRow ? 0 : (-dy / length) * bend;
  const ny = sameRow ? outward * bend * (dx > 0 || Math.abs(dx) > 200 ? 1 : -1) : (dx / length) * bend;
  const control: Point = [(x1 + x2) / 2 + nx * 2, (y1 + y2) / 2 + ny * 2];
  const start = border(place[from], control);
  const end = border(place[to], control);
  return {
    path: `M${start[0]} ${start[1]}Q${control[0]} ${control[1]} ${end[0]} ${end[1]}`,
    tip: end,
    middle: labelAt(start, control, end, sameRow),
    heading: (Math.atan2(end[1] - control[1], end[0] - control[0]) * 180) / Math.PI,
  };
}

/** On the middle of a curve; between neighbours there is no room, so there the label stands beyond it. */
function labelAt(start: Point, control: Point, end: Point, sameRow: boolean): Point {
  const x = (start[0] + 2 * control[0] + end[0]) / 4;
  const y = (start[1] + 2 * control[1] + end[1]) / 4;
  return sameRow ? [x, control[1] < start[1] ? y - 13 : y + 13] : [x, y];
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

/** The engine's own table, drawn: the present state is lit, and so are the ways out that are open now. */
export function StateDiagram({
  machine,
  mirror,
  pointed,
}: {
  machine: StateMachine;
  mirror: Mirror;
  pointed: MirrorAction | null;
}): ReactElement {
  const { t } = useTranslation();
  const titleId = useId();
  const allowed = new Set(mirror.actions.filter((one) => one.allowed).map((one) => one.action));
  const edges = edgesOf(machine)
    .map((edge) => {
      const leaves = edge.from === mirror.imageState;
      const open = leaves && edge.actions.some((action) => allowed.has(action));
      const hit = pointed !== null && edge.actions.includes(pointed) && leaves;
      return { ...edge, ...curve(edge.from, edge.to), rank: hit ? 3 : open ? 2 : leaves ? 1 : 0 };
    })
    .sort((a, b) => a.rank - b.rank);
  return (
    <figure className={classes['diagram']}>
      <svg viewBox="0 0 640 340" role="img" aria-labelledby={titleId}>
        <title id={titleId}>{t('diagram.title', { state: t(`imageState.${mirror.imageState}`) })}</title>
        {edges.map((edge) => (
          <g key={`${edge.from}>${edge.to}`} className={classes['edge']} data-rank={edge.rank}>
            <path d={edge.path} />
            <path
              className={classes['head']}
              d="M-7 -4 0 0 -7 4"
              transform={`translate(${edge.tip[0]} ${edge.tip[1]}) rotate(${edge.heading})`}
            />
          </g>
        ))}
        {edges
          .filter((edge) => edge.rank > 1)
          .map((edge) => (
            <text
              key={`${edge.from}>${edge.to}`}
              className={classes['edgeLabel']}
              data-open
              x={edge.middle[0]}
              y={edge.middle[1]}
              textAnchor="middle"
              dy="4"
            >
              {edge.actions
                .filter((action) => allowed.has(action))
                .map((action) => t(`action.${action}.label`))
                .join(', ')}
            </text>
          ))}
        {machine.states.map(({ state, meaning }) => {
          const [x, y] = place[state];
          return (
            <g
              key={state}
              className={classes['node']}
              data-tone={imageStateLook[state].tone}
              data-lit={state === mirror.imageState || undefined}
              transform={`translate(${x} ${y})`}
            >
              <title>{meaning}</title>
              <rect x={-HALF_WIDTH} y={-HALF_HEIGHT} width={HALF_WIDTH * 2} height={HALF_HEIGHT * 2} rx="8" />
              <text textAnchor="middle" dy="4.500">
                {t(`imageState.${state}`)}
              </text>
            </g>
          );
        })}
      </svg>
      <figcaption>
        <b>{t(`imageState.${mirror.imageState}`)}</b>{' '}
        {machine.states.find((one) => one.state === mirror.imageState)?.meaning}
        {edges.some((edge) => edge.rank === 1) ? (
          <ul className={classes['byItself']} aria-label={t('diagram.byItself')}>
            {edges
              .filter((edge) => edge.rank === 1)
              .map((edge) => (
                <li key={edge.to}>
                  {edge.events.join(', ')} → <b>{t(`imageState.${edge.to}`)}</b>
                </li>
              ))}
          </ul>
        ) : null}
      </figcaption>
    </figure>
  );
}

import { useId, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Mirror, MirrorAction, StateMachine } from '../../../src-engine/contract/index.ts';
import { imageStateLook } from '../../shared/index.ts';
import { BOARD, HALF_HEIGHT, HALF_WIDTH, curveOf, edgesOf, place, placeLabels } from './diagram-layout.ts';
import { dangerous } from './mirror-action.ts';
import classes from './replication.module.css';

const percent = (part: number, whole: number): string => `${((part / whole) * 100).toFixed(2)}%`;

/** The engine's own table, drawn: the present state is lit, the ways out that are open now are buttons on their arrows. */
export function StateDiagram({
  machine,
  mirror,
  pointed,
  onAct,
}: {
  machine: StateMachine;
  mirror: Mirror;
  pointed: MirrorAction | null;
  onAct(action: MirrorAction): void;
}): ReactElement {
  const { t } = useTranslation();
  const titleId = useId();
  const allowed = new Set(mirror.actions.filter((one) => one.allowed).map((one) => one.action));
  const edges = edgesOf(machine)
    .map((edge) => {
      const leaves = edge.from === mirror.imageState;
      const open = leaves ? edge.actions.filter((action) => allowed.has(action)) : [];
      const hit = pointed !== null && leaves && edge.actions.includes(pointed);
      const rank = hit ? 3 : open.length > 0 ? 2 : leaves && edge.events.length > 0 ? 1 : 0;
      return { ...edge, open, rank, curve: curveOf(edge.from, edge.to) };
    })
    .sort((a, b) => a.rank - b.rank);
  const byItself = edges.filter((edge) => edge.from === mirror.imageState && edge.events.length > 0);
  const ways = edges.filter((edge) => edge.open.length > 0);
  const spots = placeLabels(
    ways.map((edge) => ({ curve: edge.curve, texts: edge.open.map((action) => t(`action.${action}.label`)) })),
  );
  return (
    <figure className={classes['diagram']}>
      <div className={classes['board']}>
        <svg viewBox={`0 0 ${BOARD.width} ${BOARD.height}`} role="img" aria-labelledby={titleId}>
          <title id={titleId}>{t('diagram.title', { state: t(`imageState.${mirror.imageState}`) })}</title>
          {edges.map(({ from, to, rank, curve: { start, control, end, heading } }) => (
            <g key={`${from}>${to}`} className={classes['edge']} data-rank={rank}>
              <path d={`M${start[0]} ${start[1]}Q${control[0]} ${control[1]} ${end[0]} ${end[1]}`} />
              <path
                className={classes['head']}
                d="M-7 -4 0 0 -7 4"
                transform={`translate(${end[0]} ${end[1]}) rotate(${heading})`}
              />
            </g>
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
        {ways.map((edge, index) => (
          <span
            key={`${edge.from}>${edge.to}`}
            className={classes['way']}
            style={{
              left: percent(spots[index]?.[0] ?? 0, BOARD.width),
              top: percent(spots[index]?.[1] ?? 0, BOARD.height),
            }}
          >
            {edge.open.map((action) => (
              <button
                key={action}
                type="button"
                data-tone={dangerous.has(action) ? 'bad' : 'accent'}
                title={t('diagram.leadsTo', { state: t(`imageState.${edge.to}`) })}
                onClick={() => onAct(action)}
              >
                {t(`action.${action}.label`)}
              </button>
            ))}
          </span>
        ))}
      </div>
      <figcaption>
        <b>{t(`imageState.${mirror.imageState}`)}</b>{' '}
        {machine.states.find((one) => one.state === mirror.imageState)?.meaning}
        {byItself.length > 0 ? (
          <ul className={classes['byItself']} aria-label={t('diagram.byItself')}>
            {byItself.map((edge) => (
              <li key={edge.to}>
                <b>{t(`imageState.${edge.to}`)}</b> {t('diagram.when', { events: edge.events.join(', ') })}
              </li>
            ))}
          </ul>
        ) : null}
      </figcaption>
    </figure>
  );
}

import { BaseEdge, EdgeLabelRenderer, getBezierPath, getStraightPath, type Edge, type EdgeProps } from '@xyflow/react';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../../client/index.ts';
import { Badge, Icon, protectionLook, protectionOf, units, worstTone } from '../../shared/index.ts';
import classes from './topology.module.css';

export type LinkEdgeType = Edge<{ readonly name: string }, 'link'>;
export type ArcEdgeType = Edge<{ readonly mirrors: readonly string[] }, 'arc'>;
export type WireEdgeType = Edge<Record<string, never>, 'wire'>;

const at = (x: number, y: number): string => `translate(-50%, -50%) translate(${x}px, ${y}px)`;

/** The link between two sites with what it carries now, each way. */
export function LinkEdge(props: EdgeProps<LinkEdgeType>): ReactElement | null {
  const { t } = useTranslation();
  const link = useLive((state) => state.links.find((one) => one.name === props.data?.name));
  const [path, x, y] = getStraightPath(props);
  if (link === undefined) return null;
  const up = link.state === 'up';
  const busy = up && link.traffic.forwardBytesPerSecond + link.traffic.backwardBytesPerSecond > 0;
  return (
    <>
      <BaseEdge
        id={props.id}
        path={path}
        interactionWidth={28}
        className={`${classes['link'] ?? ''} ${busy ? (classes['flows'] ?? '') : ''} ${up ? '' : (classes['cut'] ?? '')}`}
      />
      <EdgeLabelRenderer>
        <div
          className={classes['linkLabel']}
          style={{ transform: at(x, y) }}
          data-selected={props.selected === true || undefined}
        >
          <Badge tone={up ? 'ok' : 'bad'} icon={up ? 'link' : 'cross-circle'} quiet>
            {link.name} · {t(`link.state.${link.state}`)}
          </Badge>
          <span className="mono">
            → {units.bytesPerSecond(up ? link.traffic.forwardBytesPerSecond : null)} &nbsp; ←{' '}
            {units.bytesPerSecond(up ? link.traffic.backwardBytesPerSecond : null)}
          </span>
        </div>
      </EdgeLabelRenderer>
    </>
  );
}

/** Relationships from array to array, the arrow in the direction in which data flow; as bad as the worst of them. */
export function ArcEdge(props: EdgeProps<ArcEdgeType>): ReactElement | null {
  const { t } = useTranslation();
  const names = new Set(props.data?.mirrors ?? []);
  const mirrors = useLive((state) => state.mirrors).filter((mirror) => names.has(mirror.name));
  const [path, x, y] = getBezierPath({ ...props, curvature: 0.35 });
  const tones = mirrors.map((mirror) => protectionLook[protectionOf(mirror)].tone);
  const tone = worstTone(tones);
  const worst = mirrors[tones.indexOf(tone)];
  if (worst === undefined) return null;
  const protection = protectionOf(worst);
  return (
    <>
      <BaseEdge
        id={props.id}
        path={path}
        interactionWidth={20}
        className={`${classes['arc'] ?? ''} ${protection === 'catching-up' ? (classes['flows'] ?? '') : ''}`}
        data-tone={tone}
        markerEnd={`url(#arc-head-${tone})`}
      />
      <EdgeLabelRenderer>
        <div
          className={classes['arcLabel']}
          data-tone={tone}
          data-selected={props.selected === true || undefined}
          style={{ transform: at(x, y) }}
        >
          <Icon name={protectionLook[protection].icon} size={13} />
          <b>{mirrors.length === 1 ? worst.name : t('topology.relationships', { count: mirrors.length })}</b>
          <span>{t(`protection.${protection}`)}</span>
        </div>
      </EdgeLabelRenderer>
    </>
  );
}

/** A server and an array whose pool it owns. */
export function WireEdge(props: EdgeProps<WireEdgeType>): ReactElement {
  const [path] = getStraightPath(props);
  return <BaseEdge id={props.id} path={path} className={classes['wire'] ?? ''} />;
}

/** Heads of arrows in each tone, once in the page. */
export function ArrowHeads(): ReactElement {
  return (
    <svg className={classes['heads']} aria-hidden="true" focusable="false">
      <defs>
        {(['ok', 'busy', 'warn', 'bad', 'idle'] as const).map((tone) => (
          <marker
            key={tone}
            id={`arc-head-${tone}`}
            viewBox="0 0 10 10"
            refX="8.5"
            refY="5"
            markerWidth="7"
            markerHeight="7"
            orient="auto-start-reverse"
          >
            <path d="M1 1 9 5 1 9z" data-tone={tone} className={classes['head']} />
          </marker>
        ))}
      </defs>
    </svg>
  );
}

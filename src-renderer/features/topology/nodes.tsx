import { Handle, Position, type Node, type NodeProps } from '@xyflow/react';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Site } from '../../../src-engine/contract/index.ts';
import { useLive } from '../../client/index.ts';
import { Badge, HealthBadge, Icon, Meter, ServerStateBadge, units, type Tone } from '../../shared/index.ts';
import classes from './topology.module.css';

export type ThingNode = Node<{ readonly name: string }, 'site' | 'server' | 'array'>;

const siteTone: Record<Site['state'], Tone> = { up: 'ok', degraded: 'warn', lost: 'bad' };
const siteIcon = { up: 'check-circle', degraded: 'warning', lost: 'cross-circle' } as const;

/** Where lines may end; drawn by nobody and pulled by nobody. */
function Ends(): ReactElement {
  return (
    <>
      {([Position.Left, Position.Right, Position.Top, Position.Bottom] as const).map((side) => (
        <Handle key={side} id={side} type="source" position={side} isConnectable={false} className={classes['end']} />
      ))}
    </>
  );
}

// Each box looks up its own figures: a change of one server draws one box, not the map.

export function SiteNode({ data, selected }: NodeProps<ThingNode>): ReactElement | null {
  const { t } = useTranslation();
  const site = useLive((state) => state.sites.find((one) => one.name === data.name));
  if (site === undefined) return null;
  return (
    <div className={classes['site']} data-tone={siteTone[site.state]} data-selected={selected || undefined}>
      <Ends />
      <div className={classes['siteHead']}>
        <Icon name="site" />
        <b>{site.name}</b>
        <Badge tone={siteTone[site.state]} icon={siteIcon[site.state]} quiet>
          {t(`site.state.${site.state}`)}
        </Badge>
      </div>
      {site.servers.length + site.arrays.length > 0 ? null : (
        <p className={classes['siteEmpty']}>{t('topology.siteEmpty')}</p>
      )}
    </div>
  );
}

export function ServerNode({ data, selected }: NodeProps<ThingNode>): ReactElement | null {
  const { t } = useTranslation();
  const server = useLive((state) => state.servers.find((one) => one.name === data.name));
  if (server === undefined) return null;
  const filling = server.nvlog.halves.find((half) => half.state === 'filling');
  return (
    <div
      className={classes['box']}
      data-tone={server.state === 'up' ? 'ok' : server.state === 'booting' ? 'busy' : 'bad'}
      data-selected={selected || undefined}
    >
      <Ends />
      <div className={classes['boxHead']}>
        <Icon name="server" />
        <b>{server.name}</b>
        {server.state === 'up' && server.health !== 'ok' ? (
          <HealthBadge health={server.health} quiet />
        ) : (
          <ServerStateBadge state={server.state} quiet />
        )}
      </div>
      <Meter
        label={t('server.nvlog')}
        share={server.state !== 'up' || filling === undefined ? null : filling.usedBytes / filling.sizeBytes}
        text={server.state !== 'up' || filling === undefined ? '–' : units.bytes(filling.usedBytes)}
        tone={server.nvlog.stalled ? 'bad' : 'accent'}
      />
    </div>
  );
}

export function ArrayNode({ data, selected }: NodeProps<ThingNode>): ReactElement | null {
  const { t } = useTranslation();
  const array = useLive((state) => state.arrays.find((one) => one.name === data.name));
  const pools = useLive((state) => state.pools);
  if (array === undefined) return null;
  const own = pools.filter((pool) => pool.array === array.name);
  const levels = [...new Set(own.map((pool) => t(`raid.${pool.level}`)))].join(', ');
  return (
    <div
      className={classes['box']}
      data-tone={array.health === 'ok' ? 'ok' : array.health === 'failed' ? 'bad' : 'warn'}
      data-selected={selected || undefined}
    >
      <Ends />
      <div className={classes['boxHead']}>
        <Icon name="disk" />
        <b>{array.name}</b>
        <HealthBadge health={array.health} quiet />
      </div>
      <div className={classes['slots']} aria-hidden="true">
        {array.disks.map((disk) => (
          <span key={disk.slot} data-state={disk.state} />
        ))}
        <span className={classes['level']}>{levels}</span>
      </div>
    </div>
  );
}

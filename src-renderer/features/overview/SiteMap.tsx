import { Fragment, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Link, Pool, Server, Site } from '../../../src-engine/contract/index.ts';
import { useLive } from '../../client/index.ts';
import { Badge, HealthBadge, Icon, Meter, ServerStateBadge, sentence, units, type Tone } from '../../shared/index.ts';
import { ThingMenu } from '../configuration/index.ts';
import { PeerWait } from './PeerWait.tsx';
import classes from './overview.module.css';

const siteTone: Record<Site['state'], Tone> = { up: 'ok', degraded: 'warn', lost: 'bad' };
const FULL_SOON = 0.85;

function ServerRow({ server }: { server: Server }): ReactElement {
  const { t } = useTranslation();
  const filling = server.nvlog.halves.find((half) => half.state === 'filling');
  return (
    <div className={classes['server']}>
      <div className={classes['serverHead']}>
        <Icon name="server" />
        <b>{server.name}</b>
        <ServerStateBadge state={server.state} quiet />
        {server.state === 'up' ? <HealthBadge health={server.health} quiet /> : null}
        <span className={classes['heartbeat']} title={t('server.heartbeatTitle')}>
          {t('server.heartbeat')} <b>{units.durationMs(server.heartbeatAgeMs)}</b>
        </span>
      </div>
      {server.cause === null ? null : <p className={classes['cause']}>{sentence(server.cause)}</p>}
      <PeerWait server={server} />
      <div className={classes['serverFigures']}>
        <Meter
          label={t('server.nvlog')}
          share={filling === undefined ? 0 : filling.usedBytes / filling.sizeBytes}
          text={
            filling === undefined
              ? '–'
              : t('site.used', { used: units.bytes(filling.usedBytes), size: units.bytes(filling.sizeBytes) })
          }
          tone={server.nvlog.stalled ? 'bad' : 'accent'}
        />
        <div className={classes['cp']}>
          <span className="dim">{t('server.cp')}</span>
          <span>
            <b className="mono">{units.count(server.state === 'up' ? server.cp.committed : null)}</b>
          </span>
        </div>
      </div>
    </div>
  );
}

function SiteCard({
  site,
  servers,
  pools,
}: {
  site: Site;
  servers: readonly Server[];
  pools: readonly Pool[];
}): ReactElement {
  const { t } = useTranslation();
  const share = site.sizeBytes === 0 ? null : site.usedBytes / site.sizeBytes;
  return (
    <section
      className={classes['site']}
      data-tone={siteTone[site.state]}
      aria-label={t('site.label', { site: site.name })}
    >
      <header>
        <Icon name="site" />
        <h2>{site.name}</h2>
        <Badge
          tone={siteTone[site.state]}
          icon={site.state === 'up' ? 'check-circle' : site.state === 'lost' ? 'cross-circle' : 'warning'}
          quiet
        >
          {t(`site.state.${site.state}`)}
        </Badge>
        <span className={classes['pools']}>
          {pools.map((pool) => (
            <span key={pool.id}>
              {t(`raid.${pool.level}`)} · {t('site.disks', { count: pool.slots.length })}
            </span>
          ))}
        </span>
        <ThingMenu noun="site" name={site.name} />
      </header>
      {servers.map((server) => (
        <ServerRow key={server.id} server={server} />
      ))}
      <Meter
        label={t('site.capacity')}
        share={share}
        text={
          site.sizeBytes === 0
            ? '–'
            : t('site.used', { used: units.bytes(site.usedBytes), size: units.bytes(site.sizeBytes) })
        }
        tone={share !== null && share > FULL_SOON ? 'warn' : 'accent'}
      />
    </section>
  );
}

function LinkLine({ link, left }: { link: Link; left: string }): ReactElement {
  const { t } = useTranslation();
  const up = link.state === 'up';
  const outward = link.sites[0] === left;
  const right = outward ? link.traffic.forwardBytesPerSecond : link.traffic.backwardBytesPerSecond;
  const back = outward ? link.traffic.backwardBytesPerSecond : link.traffic.forwardBytesPerSecond;
  return (
    <div className={classes['link']} data-tone={up ? 'accent' : 'bad'}>
      <Badge tone={up ? 'ok' : 'bad'} icon={up ? 'link' : 'cross-circle'} quiet>
        {t(`link.state.${link.state}`)}
      </Badge>
      <svg viewBox="0 0 120 34" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <path d="M0 10H112" data-flow={up && right > 0 ? '' : undefined} />
        <path d="M120 24H8" data-flow={up && back > 0 ? '' : undefined} />
        <path d="M106 5.500 112 10l-6 4.500M14 19.500 8 24l6 4.500" className={classes['linkHead']} />
      </svg>
      <span className={classes['linkRate']} title={t('link.there')}>
        → {units.bytesPerSecond(up ? right : null)}
      </span>
      <span className={classes['linkRate']} title={t('link.back')}>
        ← {units.bytesPerSecond(up ? back : null)}
      </span>
      <span className="dim">
        {units.durationMs(link.latencyMs)}
        {link.bandwidthBytesPerSecond === null ? '' : ` · ${units.bytesPerSecond(link.bandwidthBytesPerSecond)}`}
      </span>
    </div>
  );
}

/** The sites side by side with what runs between them. */
export function SiteMap(): ReactElement {
  const sites = useLive((state) => state.sites);
  const servers = useLive((state) => state.servers);
  const pools = useLive((state) => state.pools);
  const links = useLive((state) => state.links);
  return (
    <div className={classes['map']} data-pair={sites.length === 2 || undefined}>
      {sites.map((site, index) => {
        const next = sites[index + 1];
        const between =
          next === undefined
            ? []
            : links.filter((link) => link.sites.includes(site.name) && link.sites.includes(next.name));
        return (
          <Fragment key={site.id}>
            <SiteCard
              site={site}
              servers={servers.filter((server) => server.site === site.name)}
              pools={pools.filter((pool) => pool.site === site.name)}
            />
            {between.length === 0 ? null : (
              <div className={classes['links']}>
                {between.map((link) => (
                  <LinkLine key={link.id} link={link} left={site.name} />
                ))}
              </div>
            )}
          </Fragment>
        );
      })}
    </div>
  );
}

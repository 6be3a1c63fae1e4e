import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { Mirror, SideName } from '../../../src-engine/contract/index.ts';
import { useLive } from '../../client/index.ts';
import {
  Badge,
  Facts,
  Icon,
  ImageStateBadge,
  Meter,
  ServerStateBadge,
  imageStateLook,
  units,
} from '../../shared/index.ts';
import classes from './replication.module.css';

function Image({ mirror, side }: { mirror: Mirror; side: SideName }): ReactElement {
  const { t } = useTranslation();
  const home = mirror[side];
  const volume = useLive((state) => state.volumes.find((one) => one.name === home.volume));
  const server = useLive(
    (state) =>
      state.servers.find((one) => one.name === (volume?.owner ?? '')) ??
      state.servers.find((one) => one.site === home.site),
  );
  const acting = mirror.acting === home.site;
  const isCopy = (mirror.direction === 'forward') === (side === 'destination');
  return (
    <section
      className={classes['image']}
      data-acting={acting || undefined}
      aria-label={t('pair.image', { side: t(`side.${side}`), volume: home.volume })}
    >
      <header>
        <span className={classes['imageSide']}>{t(`side.${side}`)}</span>
        <h2>{home.volume}</h2>
        {acting ? (
          <Badge tone="ok" icon="play">
            {t('pair.primary')}
          </Badge>
        ) : isCopy ? (
          <ImageStateBadge state={mirror.imageState} />
        ) : (
          <Badge tone="idle" icon="dash">
            {t('pair.noHosts')}
          </Badge>
        )}
      </header>
      <Facts
        facts={[
          {
            label: t('pair.site'),
            value: home.site,
          },
          {
            label: t('pair.server'),
            value:
              server === undefined ? (
                '–'
              ) : (
                <span className={classes['inline']}>
                  {server.name} <ServerStateBadge state={server.state} quiet />
                </span>
              ),
          },
          { label: t('pair.role'), value: volume === undefined ? '–' : t(`volumeState.${volume.state}`) },
          { label: t('pair.cp'), value: units.count(server?.state === 'up' ? volume?.cp : null), mono: true },
          // A secondary numbers nothing itself: its sequence is the primary's, up to the consistency point above.
          {
            label: t('pair.sequence'),
            value: units.count(volume === undefined || volume.sequence === 0 ? null : volume.sequence),
            mono: true,
          },
          {
            label: t('pair.used'),
            value:
              volume === undefined || server?.state !== 'up'
                ? '–'
                : t('site.used', { used: units.bytes(volume.usedBytes), size: units.bytes(volume.sizeBytes) }),
          },
        ]}
      />
    </section>
  );
}

/** Both images side by side. The arrow points the way data flows: from the acting primary to its copy. */
export function Pair({ mirror }: { mirror: Mirror }): ReactElement {
  const { t } = useTranslation();
  const { sync, direction, connection } = mirror;
  const reversed = (sync?.direction ?? direction) === 'reversed';
  const flowing = connection === 'connected' && (sync?.state === 'running' || mirror.imageState === 'Synchronized');
  const tone = connection === 'connected' ? imageStateLook[mirror.imageState].tone : 'bad';
  const share = sync === null ? null : sync.doneBytes / Math.max(1, sync.totalBytes);
  return (
    <div className={classes['pair']}>
      <Image mirror={mirror} side="source" />
      <div className={classes['arrow']} data-tone={tone}>
        <Badge
          tone={connection === 'connected' ? 'ok' : 'bad'}
          icon={connection === 'connected' ? 'link' : 'cross-circle'}
          quiet
        >
          {t(`pair.connection.${connection}`)}
        </Badge>
        <svg
          viewBox="0 0 160 28"
          role="img"
          aria-label={t(reversed ? 'pair.arrowReversed' : 'pair.arrowForward', {
            from: mirror.source.site,
            to: mirror.destination.site,
          })}
        >
          <g transform={reversed ? 'translate(160 0) scale(-1 1)' : undefined}>
            <path d="M4 14H150" className={classes['arrowLine']} data-flow={flowing ? '' : undefined} />
            <path d="M143 6 154 14 143 22" className={classes['arrowHead']} />
            {connection === 'connected' ? null : <path d="M72 6 88 22M88 6 72 22" className={classes['arrowHead']} />}
          </g>
        </svg>
        {sync === null ? (
          <span className="dim">{t(`direction.${direction}`)}</span>
        ) : (
          <div className={classes['syncMeter']}>
            <Meter label={t(`pair.sync.${sync.state}`)} share={share} role="progressbar" tone="busy" />
            <span className="dim">
              {t('pair.syncRate', {
                rate: units.bytesPerSecond(sync.rateBytesPerSecond),
                eta: units.durationSeconds(sync.etaSeconds),
              })}
            </span>
          </div>
        )}
        <span className={classes['sr']}>
          <Icon name="arrow" size={12} />
        </span>
      </div>
      <Image mirror={mirror} side="destination" />
    </div>
  );
}

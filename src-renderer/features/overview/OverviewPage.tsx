import type { TFunction } from 'i18next';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useLive, useSeries } from '../../client/index.ts';
import { useAlerts } from '../alerts/index.ts';
import {
  Badge,
  EmptyState,
  HostCharts,
  Icon,
  Page,
  Panel,
  marksOf,
  protectionLook,
  units,
  type Loss,
  type Protection,
  type Tone,
} from '../../shared/index.ts';
import { CreateMenu, SheetButton } from '../configuration/index.ts';
import { MirrorTable } from '../replication/index.ts';
import { LastDrill } from '../recovery/index.ts';
import { answer } from './answers.ts';
import { SiteMap } from './SiteMap.tsx';
import { Workloads } from './Workloads.tsx';
import classes from './overview.module.css';

const WINDOW_SECONDS = 120;
/** What is made most first, then a lab from the ground up. */
const OFFERED = [
  'protect-volume',
  'create-volume',
  'create-mirror',
  'create-site',
  'create-cluster',
  'create-server',
  'create-array',
  'create-pool',
  'create-link',
] as const;

function Verdict({
  tone,
  question,
  value,
  detail,
}: {
  tone: Tone;
  question: string;
  value: string;
  detail: string;
}): ReactElement {
  const icon =
    tone === 'ok'
      ? 'check-circle'
      : tone === 'bad'
        ? 'cross-circle'
        : tone === 'warn'
          ? 'warning'
          : tone === 'busy'
            ? 'sync'
            : 'dash';
  return (
    <div className={classes['verdict']} data-tone={tone}>
      <h2>{question}</h2>
      <p className={classes['verdictValue']}>
        <Icon name={icon} size={20} />
        {value}
      </p>
      <p className={classes['verdictDetail']}>{detail}</p>
    </div>
  );
}

function lossValue(t: TFunction, loss: Loss): string {
  switch (loss.kind) {
    case 'writes':
      return t('overview.loss.writes', { count: loss.writes, text: units.count(loss.writes) });
    case 'at-most':
      return t('overview.loss.atMost', { bytes: units.bytes(loss.bytes) });
    case 'nothing':
    case 'unknown':
    case 'diverged':
    case 'no-copy':
      return t(`overview.loss.${loss.kind}`);
  }
}

function lossDetail(t: TFunction, loss: Loss, mirror: string | null): string {
  switch (loss.kind) {
    case 'nothing':
      return t('overview.loss.rpo');
    case 'writes':
      return t('overview.loss.detail', {
        bytes: units.bytes(loss.bytes),
        time: units.durationSeconds(loss.seconds),
        mirror,
      });
    case 'at-most':
      return t('overview.loss.atMostDetail', { mirror, time: units.timeOfDay(loss.since) });
    case 'unknown':
      return t('overview.loss.unknownDetail', { mirror, time: units.timeOfDay(loss.since) });
    case 'diverged':
    case 'no-copy':
      return t(`overview.loss.${loss.kind}Detail`, { mirror });
  }
}

function Verdicts(): ReactElement {
  const { t } = useTranslation();
  const mirrors = useLive((state) => state.mirrors);
  const { safe, failover, loss } = answer(mirrors);
  const safeKey = safe.total === 0 ? 'none' : safe.tone === 'ok' ? 'yes' : safe.tone === 'bad' ? 'no' : 'partly';
  const overKey =
    failover.total === 0 ? 'none' : failover.able === failover.total ? 'yes' : failover.able === 0 ? 'no' : 'partly';
  return (
    <div className={classes['verdicts']}>
      <Verdict
        tone={safe.tone}
        question={t('overview.safe.question')}
        value={t(`overview.safe.${safeKey}`)}
        detail={
          safe.total === 0
            ? t('overview.noneDetail')
            : t('overview.safe.detail', { count: safe.protectedCount, total: safe.total })
        }
      />
      <Verdict
        tone={failover.tone}
        question={t('overview.failover.question')}
        value={t(`overview.failover.${overKey}`, { count: failover.able, total: failover.total })}
        detail={failover.total === 0 ? t('overview.noneDetail') : (failover.blocked ?? t('overview.failover.detail'))}
      />
      <Verdict
        tone={loss.tone}
        question={t('overview.loss.question')}
        value={loss.mirror === null ? t('overview.loss.none') : lossValue(t, loss.loss)}
        detail={loss.mirror === null ? t('overview.noneDetail') : lossDetail(t, loss.loss, loss.mirror)}
      />
    </div>
  );
}

function Charts(): ReactElement {
  const { t } = useTranslation();
  const series = useSeries(WINDOW_SECONDS).data;
  if (series === undefined) return <p className="dim">{t('common.loading')}</p>;
  return (
    <HostCharts series={series} marks={marksOf(series)} windowSeconds={WINDOW_SECONDS} className={classes['charts']} />
  );
}

function Alerts(): ReactElement {
  const { t } = useTranslation();
  const alerts = useAlerts();
  if (alerts.length === 0) {
    return (
      <p className={classes['calm']} data-tone="ok">
        <Icon name="check-circle" /> {t('alerts.none')}
      </p>
    );
  }
  return (
    <ul className={classes['alerts']}>
      {alerts.map((alert) => (
        <li key={alert.id} data-tone={alert.tone}>
          <Icon name={alert.icon} />
          <Link to={alert.to}>{alert.text}</Link>
        </li>
      ))}
    </ul>
  );
}

function Summary(): ReactElement {
  const { t } = useTranslation();
  const mirrors = useLive((state) => state.mirrors);
  const { counts } = answer(mirrors);
  const shown = (Object.keys(counts) as Protection[]).filter((one) => counts[one] > 0);
  return (
    <span className={classes['summary']}>
      {shown.map((one) => (
        <Badge key={one} {...protectionLook[one]} quiet>
          {counts[one]} {t(`protection.${one}`)}
        </Badge>
      ))}
    </span>
  );
}

export function OverviewPage(): ReactElement {
  const { t } = useTranslation();
  const mirrors = useLive((state) => state.mirrors);
  const sites = useLive((state) => state.sites);
  if (sites.length === 0) {
    return (
      <Page title={t('overview.title')}>
        <Verdicts />
        <Panel title={t('overview.sites')}>
          <EmptyState
            icon="site"
            title={t('overview.emptyTitle')}
            action={<SheetButton sheet="create-site" variant="filled" />}
          >
            {t('overview.emptyText')}
          </EmptyState>
        </Panel>
      </Page>
    );
  }
  return (
    <Page title={t('overview.title')} actions={<CreateMenu sheets={OFFERED} />}>
      <Verdicts />
      <SiteMap />
      <Panel title={t('overview.charts.title')} hint={t('overview.charts.hint')}>
        <Charts />
      </Panel>
      <div className={classes['split']}>
        <Panel title={t('replication.title')} hint={<Summary />} flush>
          {mirrors.length === 0 ? (
            <EmptyState
              icon="replication"
              title={t('replication.emptyTitle')}
              action={<SheetButton sheet="protect-volume" variant="filled" />}
            >
              {t('replication.emptyText')}
            </EmptyState>
          ) : (
            <MirrorTable compact />
          )}
        </Panel>
        <Panel title={t('alerts.title')}>
          <Alerts />
        </Panel>
      </div>
      <div className={classes['split']}>
        <Panel title={t('workload.title')} hint={t('workload.hint')} flush>
          <Workloads />
        </Panel>
        <Panel title={t('drill.last')} actions={<Link to="/recovery">{t('drill.toRecovery')}</Link>}>
          <LastDrill />
        </Panel>
      </div>
    </Page>
  );
}

import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type {
  ConditionCode,
  Health,
  ImageState,
  JobState,
  Mirror,
  Server,
  Severity,
} from '../../src-engine/contract/index.ts';
import { Badge } from './Badge.tsx';
import type { IconName } from './Icon.tsx';
import type { Tone } from './tone.ts';

interface Look {
  tone: Tone;
  icon: IconName;
}

export const imageStateLook: Record<ImageState, Look> = {
  NotEstablished: { tone: 'idle', icon: 'circle' },
  Synchronizing: { tone: 'busy', icon: 'sync' },
  Synchronized: { tone: 'ok', icon: 'check-circle' },
  Consistent: { tone: 'warn', icon: 'clock' },
  Outdated: { tone: 'warn', icon: 'clock' },
  OutOfSync: { tone: 'bad', icon: 'cross-circle' },
  RollingBack: { tone: 'busy', icon: 'recovery' },
  Diverged: { tone: 'bad', icon: 'fork' },
};

const conditionLook: Record<ConditionCode, Look> = {
  Active: { tone: 'ok', icon: 'check' },
  QueuedForSync: { tone: 'busy', icon: 'clock' },
  SyncPaused: { tone: 'warn', icon: 'pause' },
  FracturedAdmin: { tone: 'warn', icon: 'pause' },
  FracturedSystem: { tone: 'bad', icon: 'cross-circle' },
  WaitingOnAdmin: { tone: 'warn', icon: 'flag' },
  Queuing: { tone: 'busy', icon: 'clock' },
  Ahead: { tone: 'warn', icon: 'arrow' },
  DirectionLocked: { tone: 'warn', icon: 'lock' },
  LogFailed: { tone: 'bad', icon: 'warning' },
  BitmapFailed: { tone: 'bad', icon: 'warning' },
  QueueFailed: { tone: 'bad', icon: 'warning' },
  VolumeFailed: { tone: 'bad', icon: 'warning' },
  QuorumLost: { tone: 'bad', icon: 'warning' },
  Fenced: { tone: 'warn', icon: 'lock' },
  NVFail: { tone: 'bad', icon: 'warning' },
  DrillRunning: { tone: 'busy', icon: 'flag' },
  VerifyRunning: { tone: 'busy', icon: 'search' },
  Restoring: { tone: 'busy', icon: 'recovery' },
};

export function ImageStateBadge({ state, size = 'm' }: { state: ImageState; size?: 'm' | 'l' }): ReactElement {
  const { t } = useTranslation();
  return (
    <Badge {...imageStateLook[state]} size={size}>
      {t(`imageState.${state}`)}
    </Badge>
  );
}

export function ConditionBadge({
  code,
  cause,
  quiet = false,
}: {
  code: ConditionCode;
  cause?: string;
  quiet?: boolean;
}): ReactElement {
  const { t } = useTranslation();
  return (
    <Badge {...conditionLook[code]} quiet={quiet} {...(cause === undefined || cause === '' ? {} : { title: cause })}>
      {t(`condition.${code}`)}
    </Badge>
  );
}

/** Synchronized, catching up, fractured or unprotected: what a relationship is worth at a glance. */
export type Protection = 'synchronized' | 'catching-up' | 'fractured' | 'unserved' | 'unprotected';

export const protectionLook: Record<Protection, Look> = {
  synchronized: { tone: 'ok', icon: 'shield' },
  'catching-up': { tone: 'busy', icon: 'sync' },
  fractured: { tone: 'warn', icon: 'warning' },
  unserved: { tone: 'bad', icon: 'warning' },
  unprotected: { tone: 'bad', icon: 'cross-circle' },
};

export function protectionOf(mirror: Mirror): Protection {
  switch (mirror.imageState) {
    case 'Synchronized':
      // With no side serving, equal copies are history.
      return mirror.acting === null ? 'unserved' : 'synchronized';
    case 'Synchronizing':
    case 'RollingBack':
      return 'catching-up';
    case 'Consistent':
    case 'Outdated':
      return 'fractured';
    case 'NotEstablished':
    case 'OutOfSync':
    case 'Diverged':
      return 'unprotected';
  }
}

/**
 * What a failover now would lose. While a pair is synchronized a write is acknowledged only once both sides have it: what
 * is under way belongs to nobody yet, and is no loss. Of a fractured copy only the marks are known, not the writes.
 */
export type Loss =
  | { kind: 'nothing' }
  | { kind: 'writes'; writes: number; bytes: number; seconds: number }
  | { kind: 'at-most'; bytes: number; since: string }
  /** The side that acknowledged writes cannot be asked. */
  | { kind: 'unknown'; since: string }
  | { kind: 'no-copy' }
  | { kind: 'diverged' };

export function lossOf(mirror: Mirror): Loss {
  const usable = ['Synchronized', 'Consistent', 'Outdated'].includes(mirror.imageState);
  // A strict pair acknowledges nothing that only one side has; any other may have, where nobody sees it.
  if (usable && mirror.acting === null && mirror.policy === 'availability')
    return { kind: 'unknown', since: mirror.lastContact ?? mirror.since };
  switch (mirror.imageState) {
    case 'Synchronized':
      return { kind: 'nothing' };
    case 'Consistent':
    case 'Outdated': {
      const { dirty, regionSizeBytes } = mirror.fractureLog;
      if (dirty > 0) return { kind: 'at-most', bytes: dirty * regionSizeBytes, since: mirror.since };
      return mirror.lag.writes === 0 && mirror.imageState === 'Consistent'
        ? { kind: 'nothing' }
        : { kind: 'writes', ...mirror.lag };
    }
    case 'Diverged':
      return { kind: 'diverged' };
    case 'NotEstablished':
    case 'Synchronizing':
    case 'OutOfSync':
    case 'RollingBack':
      return { kind: 'no-copy' };
  }
}

const serverLook: Record<Server['state'], Look> = {
  up: { tone: 'ok', icon: 'check-circle' },
  booting: { tone: 'busy', icon: 'sync' },
  down: { tone: 'bad', icon: 'cross-circle' },
  fenced: { tone: 'warn', icon: 'lock' },
};

export function ServerStateBadge({ state, quiet = false }: { state: Server['state']; quiet?: boolean }): ReactElement {
  const { t } = useTranslation();
  return (
    <Badge {...serverLook[state]} quiet={quiet}>
      {t(`serverState.${state}`)}
    </Badge>
  );
}

const healthLook: Record<Health, Look> = {
  ok: { tone: 'ok', icon: 'check-circle' },
  degraded: { tone: 'warn', icon: 'warning' },
  failed: { tone: 'bad', icon: 'cross-circle' },
  unknown: { tone: 'idle', icon: 'dash' },
};

export function HealthBadge({ health, quiet = false }: { health: Health; quiet?: boolean }): ReactElement {
  const { t } = useTranslation();
  return (
    <Badge {...healthLook[health]} quiet={quiet}>
      {t(`health.${health}`)}
    </Badge>
  );
}

const jobLook: Record<JobState, Look> = {
  queued: { tone: 'idle', icon: 'clock' },
  running: { tone: 'busy', icon: 'sync' },
  paused: { tone: 'warn', icon: 'pause' },
  done: { tone: 'ok', icon: 'check-circle' },
  failed: { tone: 'bad', icon: 'cross-circle' },
  cancelled: { tone: 'idle', icon: 'cross' },
};

export function JobStateBadge({ state }: { state: JobState }): ReactElement {
  const { t } = useTranslation();
  return (
    <Badge {...jobLook[state]} quiet>
      {t(`jobState.${state}`)}
    </Badge>
  );
}

const severityLook: Record<Severity, Look> = {
  emergency: { tone: 'bad', icon: 'cross-circle' },
  alert: { tone: 'bad', icon: 'cross-circle' },
  critical: { tone: 'bad', icon: 'cross-circle' },
  error: { tone: 'bad', icon: 'cross-circle' },
  warning: { tone: 'warn', icon: 'warning' },
  notice: { tone: 'busy', icon: 'info' },
  info: { tone: 'idle', icon: 'info' },
  debug: { tone: 'idle', icon: 'dash' },
};

/** In falling order, as in the contract (whose module would pull the whole schema library into the first paint). */
export const severities = Object.keys(severityLook) as readonly Severity[];

export function severityTone(severity: Severity): Tone {
  return severityLook[severity].tone;
}

export function SeverityBadge({ severity }: { severity: Severity }): ReactElement {
  const { t } = useTranslation();
  return (
    <Badge {...severityLook[severity]} quiet>
      {t(`severity.${severity}`)}
    </Badge>
  );
}

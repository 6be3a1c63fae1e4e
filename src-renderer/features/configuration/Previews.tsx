import type { ReactElement, ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Refusal } from '../../../src-engine/contract/index.ts';
import { explain, rpc } from '../../client/index.ts';
import { Callout, Facts, Icon, sentence, units } from '../../shared/index.ts';
import { usePreview } from './use-preview.ts';
import classes from './configuration.module.css';

/** What stands beside a form while there is nothing to say yet, or nothing could be asked. */
export function Waiting({ asked, error }: { asked: boolean; error: Error | null }): ReactElement {
  const { t } = useTranslation();
  if (error !== null) return <Callout tone="warn">{explain(error)}</Callout>;
  return <p className="dim">{t(asked ? 'config.asking' : 'config.fillIn')}</p>;
}

export function RefusedNote({ refusal }: { refusal: Refusal | null }): ReactElement | null {
  if (refusal === null) return null;
  return (
    <Callout tone={refusal.overridable ? 'warn' : 'bad'}>
      {refusal.message} {refusal.hint}
    </Callout>
  );
}

export function Steps({ label, steps }: { label: string; steps: readonly string[] }): ReactElement {
  return (
    <ol className={classes['steps']} aria-label={label}>
      {steps.map((step) => (
        <li key={step}>
          <Icon name="arrow" size={13} />
          <span>{sentence(step)}</span>
        </li>
      ))}
    </ol>
  );
}

function Big({ label, children }: { label: string; children: ReactNode }): ReactElement {
  return (
    <div>
      <div className={classes['bigLabel']}>{label}</div>
      <div className={classes['big']}>{children}</div>
    </div>
  );
}

export interface ArrayAsked {
  disks: number;
  diskSizeBytes: number;
  cluster?: string;
  name?: string;
}

export function ArrayPreview({ input }: { input: ArrayAsked | null }): ReactElement {
  const { t } = useTranslation();
  const { data, error } = usePreview('array', input, (asked) => rpc().array.preview(asked));
  if (data === undefined || input === null) return <Waiting asked={input !== null} error={error} />;
  const tooMuch = data.hostFreeBytes !== null && data.rawBytes > data.hostFreeBytes;
  return (
    <>
      <Big label={t('config.array.raw')}>{units.bytes(data.rawBytes)}</Big>
      <div>
        <p className={classes['bigLabel']}>{t('config.array.levels')}</p>
        <table className={classes['levels']}>
          <thead>
            <tr>
              <th scope="col">{t('config.array.level')}</th>
              <th scope="col">{t('config.array.usable')}</th>
              <th scope="col">{t('config.array.survives')}</th>
            </tr>
          </thead>
          <tbody>
            {data.levels.map((level) => (
              <tr key={level.level} data-not={level.usableBytes === 0 ? '' : undefined}>
                <td>{t(`raid.${level.level}`)}</td>
                <td>
                  {level.usableBytes > 0
                    ? units.bytes(level.usableBytes)
                    : level.evenDisks && level.disks >= level.minimumDisks
                      ? t('config.array.even')
                      : t('config.array.cannot', { count: level.minimumDisks })}
                </td>
                <td>{level.usableBytes > 0 ? t('config.array.disksLost', { count: level.survives }) : '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <RefusedNote refusal={data.refusal} />
      {tooMuch ? (
        <Callout tone="warn">{t('config.array.promise', { free: units.bytes(data.hostFreeBytes) })}</Callout>
      ) : null}
      {data.restarts.length === 0 ? null : (
        <Callout tone="warn">{t('config.array.restarts', { servers: data.restarts.join(', ') })}</Callout>
      )}
    </>
  );
}

export interface PoolAsked {
  level: 'raid0' | 'raid1' | 'raid10' | 'raid5' | 'raid6';
  array: string;
  slots?: number[];
}

/** The answer to "how much will it hold", as the engine computes it. */
export function PoolPreview({ input }: { input: PoolAsked | null }): ReactElement {
  const { t } = useTranslation();
  const { data, error } = usePreview('pool', input, (asked) => rpc().pool.preview(asked));
  if (data === undefined || input === null) return <Waiting asked={input !== null} error={error} />;
  const parts = [
    { part: 'usable', bytes: data.usableBytes, label: t('config.pool.usable') },
    { part: 'redundancy', bytes: data.redundancyBytes, label: t('config.pool.redundancy') },
    { part: 'overhead', bytes: data.overheadBytes, label: t('config.pool.overhead') },
  ] as const;
  return (
    <>
      <Big label={t('config.pool.usable')}>{units.bytes(data.usableBytes)}</Big>
      {data.usableBytes === 0 ? null : (
        <>
          <div className={classes['bar']} aria-hidden="true">
            {parts.map(({ part, bytes }) => (
              <span key={part} data-part={part} style={{ width: `${(100 * bytes) / Math.max(1, data.rawBytes)}%` }} />
            ))}
          </div>
          <Facts
            facts={[
              ...parts.map(({ part, bytes, label }) => ({ label, value: units.bytes(bytes), key: part })),
              { label: t('config.pool.raw'), value: units.bytes(data.rawBytes) },
              { label: t('config.pool.reserve'), value: units.bytes(data.reserveBytes) },
            ]}
          />
          <p>
            <Icon name={data.survives > 0 ? 'shield' : 'warning'} size={14} />{' '}
            {data.survives === 0
              ? t('config.pool.survivesNone')
              : t('config.pool.survivesSome', { count: data.survives })}
          </p>
        </>
      )}
      <RefusedNote refusal={data.refusal} />
    </>
  );
}

import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Fault, Link as SiteLink } from '../../../src-engine/contract/index.ts';
import { Callout, Time } from '../../shared/index.ts';
import classes from './servers.module.css';

/** Faults whose subject is one of `subjects` or something in it, or that take the power of everything. */
export function faultsOn(faults: readonly Fault[], subjects: readonly string[]): readonly Fault[] {
  return faults.filter(
    (fault) =>
      fault.kind === 'lab-power-loss' ||
      subjects.some((subject) => fault.subject === subject || fault.subject.startsWith(`${subject}/`)),
  );
}

/** A server is hit by what hits its site and the links of its site too. */
export function subjectsOf(server: { name: string; site: string }, links: readonly SiteLink[]): readonly string[] {
  return [
    `server/${server.name}`,
    `site/${server.site}`,
    ...links.filter((link) => link.sites.includes(server.site)).map((link) => `link/${link.name}`),
  ];
}

export function FaultNotes({ faults }: { faults: readonly Fault[] }): ReactElement | null {
  const { t } = useTranslation();
  if (faults.length === 0) return null;
  return (
    <Callout tone="bad">
      <ul className={classes['notes']} aria-label={t('servers.faults.title')}>
        {faults.map((fault) => (
          <li key={fault.id}>
            <b>{t(`fault.${fault.kind}.title`)}</b>{' '}
            {t('servers.faults.what', { message: fault.message.replace(/\.$/, '') })} <Time at={fault.injectedAt} />.{' '}
            <Link to="/faults">{t('servers.faults.toFaults')}</Link>
          </li>
        ))}
      </ul>
    </Callout>
  );
}

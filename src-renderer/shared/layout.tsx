import { useEffect, useId, type ReactElement, type ReactNode } from 'react';
import { Icon, type IconName } from './Icon.tsx';
import classes from './shared.module.css';

interface PanelProps {
  title: string;
  hint?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  flush?: boolean;
  className?: string | undefined;
}

/** A titled surface; a landmark region with the title as its name. */
export function Panel({ title, hint, actions, children, flush = false, className }: PanelProps): ReactElement {
  const id = useId();
  return (
    <section className={`${classes['panel'] ?? ''} ${className ?? ''}`} aria-labelledby={id}>
      <header className={classes['panelHead']}>
        <h2 id={id}>{title}</h2>
        {hint === undefined ? null : <span className={classes['panelHint']}>{hint}</span>}
        <span className={classes['panelActions']}>{actions}</span>
      </header>
      <div className={flush ? classes['panelFlush'] : classes['panelBody']}>{children}</div>
    </section>
  );
}

interface PageProps {
  title: string;
  lead?: ReactNode;
  badges?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, lead, badges, actions, children }: PageProps): ReactElement {
  useEffect(() => {
    document.title = `${title} – Lockstep`;
  }, [title]);
  return (
    <div className={classes['page']}>
      <header className={classes['pageHead']}>
        <div className={classes['pageTitle']}>
          <div className={classes['pageTitleRow']}>
            <h1>{title}</h1>
            {badges}
          </div>
          {lead === undefined ? null : <p>{lead}</p>}
        </div>
        <div className={classes['pageActions']}>{actions}</div>
      </header>
      {children}
    </div>
  );
}

export interface Fact {
  label: string;
  value: ReactNode;
  mono?: boolean;
}

/** Label and value pairs on one grid. */
export function Facts({ facts, columns = 1 }: { facts: readonly Fact[]; columns?: 1 | 2 | 3 | 4 }): ReactElement {
  return (
    <dl className={classes['facts']} data-columns={columns}>
      {facts.map((fact) => (
        <div key={fact.label}>
          <dt>{fact.label}</dt>
          <dd className={fact.mono === true ? 'mono' : undefined}>{fact.value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface EmptyProps {
  icon: IconName;
  title: string;
  children: ReactNode;
  action?: ReactNode;
  /** Right below the page's own title, not inside a panel. */
  bare?: boolean;
}

/** Teaches what the place is for and offers the next step. */
export function EmptyState({ icon, title, children, action, bare = false }: EmptyProps): ReactElement {
  const Heading = bare ? 'h2' : 'h3';
  return (
    <div className={classes['empty']}>
      <Icon name={icon} size={28} />
      <Heading>{title}</Heading>
      <p>{children}</p>
      {action}
    </div>
  );
}

/** A big figure with its label; the answer to one question. */
export function Stat({
  label,
  value,
  detail,
  tone,
}: {
  label: string;
  value: ReactNode;
  detail?: ReactNode;
  tone?: string;
}): ReactElement {
  return (
    <div className={classes['stat']} data-tone={tone}>
      <span className={classes['statLabel']}>{label}</span>
      <span className={classes['statValue']}>{value}</span>
      {detail === undefined ? null : <span className={classes['statDetail']}>{detail}</span>}
    </div>
  );
}

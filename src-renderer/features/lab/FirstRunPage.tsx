import { Button, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useForm } from 'react-hook-form';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { explain, rpc, useAction, useLive } from '../../client/index.ts';
import { Callout, Icon } from '../../shared/index.ts';
import { createDemoLab } from './demo.ts';
import classes from './lab.module.css';

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function NewLab({ disabled }: { disabled: boolean }): ReactElement {
  const { t } = useTranslation();
  const form = useForm({ defaultValues: { name: '' } });
  const create = useAction((name: string) => rpc().host.create({ name }));
  return (
    <form
      className={classes['card']}
      onSubmit={(event) => void form.handleSubmit(({ name }) => create.mutate(name))(event)}
    >
      <h2>{t('firstRun.new.title')}</h2>
      <p>{t('firstRun.new.text')}</p>
      <TextInput
        label={t('firstRun.new.name')}
        placeholder="berlin-lab"
        autoComplete="off"
        spellCheck={false}
        error={form.formState.errors.name?.message ?? (create.error === null ? undefined : explain(create.error))}
        {...form.register('name', {
          required: t('firstRun.new.nameNeeded'),
          pattern: { value: NAME, message: t('firstRun.new.nameRule') },
        })}
      />
      <div className={classes['cardFoot']}>
        <Button
          type="submit"
          variant="default"
          leftSection={<Icon name="plus" size={14} />}
          loading={create.isPending}
          disabled={disabled}
        >
          {t('firstRun.new.button')}
        </Button>
      </div>
    </form>
  );
}

function OpenLab({ disabled }: { disabled: boolean }): ReactElement {
  const { t } = useTranslation();
  const form = useForm({ defaultValues: { directory: '' } });
  const open = useAction((directory: string) => rpc().host.open({ directory }));
  return (
    <form
      className={classes['card']}
      onSubmit={(event) => void form.handleSubmit(({ directory }) => open.mutate(directory))(event)}
    >
      <h2>{t('firstRun.open.title')}</h2>
      <p>{t('firstRun.open.text')}</p>
      <TextInput
        label={t('firstRun.open.directory')}
        placeholder="~/Lockstep/berlin-lab"
        autoComplete="off"
        spellCheck={false}
        error={form.formState.errors.directory?.message ?? (open.error === null ? undefined : explain(open.error))}
        {...form.register('directory', { required: t('firstRun.open.directoryNeeded') })}
      />
      <div className={classes['cardFoot']}>
        <Button
          type="submit"
          variant="default"
          leftSection={<Icon name="folder" size={14} />}
          loading={open.isPending}
          disabled={disabled}
        >
          {t('firstRun.open.button')}
        </Button>
      </div>
    </form>
  );
}

/** Two sites, one link: what the button makes, drawn. */
function DemoPicture(): ReactElement {
  return (
    <svg viewBox="0 0 420 150" className={classes['picture']} aria-hidden="true" focusable="false">
      {[0, 1].map((side) => (
        <g key={side} transform={`translate(${side * 260 + 10} 10)`}>
          <rect width="140" height="130" rx="8" className={classes['pictureSite']} />
          <text x="14" y="24" className={classes['pictureName']}>
            {side === 0 ? 'north' : 'south'}
          </text>
          <rect x="14" y="36" width="112" height="20" rx="4" className={classes['pictureServer']} />
          <circle cx="26" cy="46" r="3.200" className={classes['pictureOk']} />
          <text x="36" y="50" className={classes['pictureText']}>
            {side === 0 ? 'north-1' : 'south-1'}
          </text>
          {Array.from({ length: side === 0 ? 6 : 4 }, (_, disk) => (
            <rect
              key={disk}
              x={14 + disk * 19}
              y="70"
              width="15"
              height="30"
              rx="3"
              className={classes['pictureDisk']}
            />
          ))}
          <text x="14" y="118" className={classes['pictureText']}>
            {side === 0 ? 'RAID-6 · 6 disks' : 'RAID-5 · 4 disks'}
          </text>
        </g>
      ))}
      <path d="M158 64 H262" className={classes['pictureLink']} />
      <path d="M254 58 L262 64 L254 70" className={classes['pictureArrow']} />
      <path d="M158 90 H262" className={classes['pictureLink']} />
      <path d="M254 84 L262 90 L254 96" className={classes['pictureArrow']} />
    </svg>
  );
}

export function FirstRunPage(): ReactElement {
  const { t } = useTranslation();
  const host = useLive((state) => state.host);
  const demo = useAction(createDemoLab);
  const retry = useAction(() => rpc().host.open({}));
  const busy = host?.lab === 'opening' || host?.lab === 'closing' || demo.isPending;
  const startDemo = (): void => {
    demo.mutate(undefined, {
      // By then the page has usually given way to the lab, so the answer is said in a notice.
      onError: (error) =>
        notifications.show({ title: t('firstRun.demo.failed'), message: explain(error), color: 'brick' }),
    });
  };
  return (
    <div className={classes['page']}>
      <header className={classes['head']}>
        <h1>{t('firstRun.title')}</h1>
        <p>{t('firstRun.lead')}</p>
      </header>
      {host?.lab === 'failed' ? (
        <div className={classes['failed']}>
          <Callout tone="bad" alert>
            {t('firstRun.failed', { directory: host.directory })}{' '}
            {host.error === null ? host.lastCrash : `${host.error.message} ${host.error.hint}`}
          </Callout>
          <Button variant="default" loading={retry.isPending} onClick={() => retry.mutate(undefined)}>
            {t('firstRun.retry')}
          </Button>
        </div>
      ) : null}
      {host?.lab === 'opening' ? <Callout tone="busy">{t('connection.opening')}</Callout> : null}
      <section className={classes['hero']} aria-label={t('firstRun.demo.title')}>
        <div>
          <h2>{t('firstRun.demo.title')}</h2>
          <p>{t('firstRun.demo.text')}</p>
          <Button size="sm" loading={demo.isPending} disabled={busy && !demo.isPending} onClick={startDemo}>
            {t('firstRun.demo.button')}
          </Button>
          {demo.error === null ? null : (
            <Callout tone="bad" alert>
              {explain(demo.error)}
            </Callout>
          )}
        </div>
        <DemoPicture />
      </section>
      <div className={classes['cards']}>
        <NewLab disabled={busy} />
        {host?.host === 'desktop' ? (
          <OpenLab disabled={busy} />
        ) : (
          <section className={classes['card']}>
            <h2>{t('firstRun.open.title')}</h2>
            <p>{t('firstRun.open.headless')}</p>
            <code className={classes['command']}>lockstep serve --lab DIR --open</code>
          </section>
        )}
      </div>
      <p className={classes['foot']}>{t('firstRun.directory', { directory: host?.directory ?? '' })}</p>
    </div>
  );
}

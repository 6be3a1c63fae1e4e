import { useQuery } from '@tanstack/react-query';
import { useRef, type ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate } from 'react-router';
import { contract } from '../../../src-engine/contract/index.ts';
import { explain, requestId as newRequestId, rpc, useAction, useLive, type Lists } from '../../client/index.ts';
import { PreviewSheet, units, type Fact, type SheetContent } from '../../shared/index.ts';
import { FormSheet, text } from '../../shared/form/index.ts';
import { inputOf, word } from './input.ts';
import { RefusedNote } from './Previews.tsx';
import type { Deletable, Noun } from './sheets.ts';
import type { SheetProps } from './TopologySheets.tsx';
import { useSaid } from './use-created.ts';

/** Every renaming takes `name` and the thing under its own noun: one schema speaks for all. */
const nameOnly = inputOf(contract.site.rename).pick({ name: true });

function renameTo(noun: Noun, from: string, name: string, requestId: string): Promise<{ name: string }> {
  const rest = { name, requestId };
  switch (noun) {
    case 'site':
      return rpc().site.rename({ site: from, ...rest });
    case 'cluster':
      return rpc().cluster.rename({ cluster: from, ...rest });
    case 'server':
      return rpc().server.rename({ server: from, ...rest });
    case 'link':
      return rpc().link.rename({ link: from, ...rest });
    case 'array':
      return rpc().array.rename({ array: from, ...rest });
    case 'pool':
      return rpc().pool.rename({ pool: from, ...rest });
    case 'volume':
      return rpc().volume.rename({ volume: from, ...rest });
    case 'mirror':
      return rpc().mirror.rename({ mirror: from, ...rest });
  }
}

export function Rename({ noun, of, onClose }: SheetProps & { noun: Noun }): ReactElement | null {
  const { t } = useTranslation();
  const said = useSaid();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const renamed = useRef<string | null>(null);
  if (of === null) return null;
  const old = encodeURIComponent(of);
  // The page of the thing itself has its name in its address.
  const close = (): void => {
    const parts = pathname.split('/');
    if (renamed.current === null || parts.at(-1) !== old) return onClose();
    void navigate([...parts.slice(0, -1), encodeURIComponent(renamed.current)].join('/'), { replace: true });
  };
  return (
    <FormSheet
      id={`rename-${noun} ${of}`}
      title={t('config.sheet.rename.title', { what: t(`config.noun.${noun}`), name: of })}
      lead={t('config.rename.lead')}
      actionLabel={t('config.act.rename')}
      schema={nameOnly}
      initial={{ name: of }}
      fields={() => [{ kind: 'name', key: 'name', label: t('config.name') }]}
      command={(values) => `lockstep ${noun} rename ${of} ${word(text(values, 'name'), 'NAME')}`}
      onSubmit={async ({ name }, requestId) => {
        await renameTo(noun, of, name, requestId);
        renamed.current = name;
        said('changed', noun, name);
      }}
      onClose={close}
    />
  );
}

function deleteOne(noun: Deletable, name: string): Promise<unknown> {
  const rest = { confirm: name, requestId: newRequestId() };
  switch (noun) {
    case 'site':
      return rpc().site.delete({ site: name, ...rest });
    case 'cluster':
      return rpc().cluster.delete({ cluster: name, ...rest });
    case 'server':
      return rpc().server.delete({ server: name, ...rest });
    case 'link':
      return rpc().link.delete({ link: name, ...rest });
    case 'array':
      return rpc().array.delete({ array: name, ...rest });
    case 'pool':
      return rpc().pool.delete({ pool: name, ...rest });
    case 'volume':
      return rpc().volume.delete({ volume: name, ...rest });
  }
}

/** Names of what is in it, or depends on it. Pure. */
export function heldBy(lists: Lists, noun: Exclude<Deletable, 'volume'>, name: string): readonly string[] {
  switch (noun) {
    case 'site': {
      const site = lists.sites.find((one) => one.name === name);
      const links = lists.links.filter((link) => link.sites.includes(name)).map((link) => link.name);
      return [...(site?.clusters ?? []), ...(site?.servers ?? []), ...(site?.arrays ?? []), ...links];
    }
    case 'cluster': {
      const cluster = lists.clusters.find((one) => one.name === name);
      return [...(cluster?.servers ?? []), ...(cluster?.arrays ?? [])];
    }
    case 'server':
      return lists.servers.find((one) => one.name === name)?.pools ?? [];
    case 'array':
      return lists.arrays.find((one) => one.name === name)?.pools ?? [];
    case 'pool':
      return lists.pools.find((one) => one.name === name)?.volumes ?? [];
    case 'link': {
      const link = lists.links.find((one) => one.name === name);
      return lists.mirrors
        .filter((one) => link?.sites.includes(one.source.site) && link.sites.includes(one.destination.site))
        .map((one) => one.name);
    }
  }
}

function useContent(noun: Deletable, name: string): { content: SheetContent | null; error: Error | null } {
  const { t } = useTranslation();
  const lists = useLive();
  const preview = useQuery({
    queryKey: ['lab', 'form', 'delete-volume', name],
    queryFn: () => rpc().volume.preview({ volume: name, action: 'delete' }),
    enabled: noun === 'volume',
    gcTime: 0,
    retry: false,
  });
  if (noun !== 'volume') {
    const holds = heldBy(lists, noun, name);
    const content: SheetContent = {
      steps: [t(`config.delete.steps.${noun}`, { name })],
      facts: [
        {
          label: t(noun === 'link' ? 'config.delete.linkUsed' : 'config.delete.holds'),
          value: holds.length === 0 ? t('config.delete.holdsNothing') : holds.join(', '),
        },
      ],
      warning: t(`config.delete.warning.${holds.length > 0 && noun !== 'link' ? 'inUse' : 'none'}`),
      command: `lockstep ${noun} delete ${name} --yes`,
      confirm: name,
    };
    return { content, error: null };
  }
  const { data, error } = preview;
  if (data === undefined) return { content: null, error };
  const facts: Fact[] = [
    { label: t('config.volume.freed'), value: units.bytes(data.freedBytes) },
    { label: t('config.volume.users'), value: data.users.length === 0 ? t('common.none') : data.users.join(', ') },
  ];
  const hard = data.refusal !== null && !data.refusal.overridable;
  return {
    content: {
      steps: data.steps,
      facts,
      warning: t('config.delete.warning.none'),
      command: data.command,
      confirm: name,
      ...(hard ? { blocked: <RefusedNote refusal={data.refusal} /> } : {}),
    },
    error,
  };
}

export function Delete({ noun, of, onClose }: SheetProps & { noun: Deletable }): ReactElement {
  const { t } = useTranslation();
  const said = useSaid();
  const name = of ?? '';
  const { content, error } = useContent(noun, name);
  const act = useAction((confirmed: string) => deleteOne(noun, confirmed));
  const problem = act.error ?? error;
  return (
    <PreviewSheet
      title={t('config.sheet.delete.title', { what: t(`config.noun.${noun}`), name })}
      actionLabel={t('config.act.delete')}
      danger
      content={content}
      error={problem === null ? null : explain(problem)}
      busy={act.isPending}
      onConfirm={() =>
        act.mutate(name, {
          onSuccess: () => {
            said('deleted', noun, name);
            onClose();
          },
        })
      }
      onClose={onClose}
    />
  );
}

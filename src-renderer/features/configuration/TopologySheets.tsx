import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { rpc, useLive } from '../../client/index.ts';
import { units } from '../../shared/index.ts';
import { FormSheet, text, type Values } from '../../shared/form/index.ts';
import { flag, freeName, numberedName, optionsOf, preset, schemas, word } from './input.ts';
import { useSaid } from './use-created.ts';

export interface SheetProps {
  /** What the sheet was opened for; null where nothing was said. */
  of: string | null;
  onClose(): void;
}

/** Names are suggested: `DEFAULT_LOG` and the like are what the engine takes where nothing is said. */
export function CreateSite({ onClose }: SheetProps): ReactElement {
  const { t } = useTranslation();
  const said = useSaid();
  const sites = useLive((state) => state.sites);
  const suggestion = numberedName('site', sites);
  return (
    <FormSheet
      id="create-site"
      title={t('config.sheet.create-site.title')}
      lead={t('config.sheet.create-site.lead')}
      actionLabel={t('config.act.create')}
      schema={schemas.site}
      initial={{ name: '' }}
      fields={() => [{ kind: 'name', key: 'name', label: t('config.name'), suggestion }]}
      command={(values) => `lockstep site create ${word(text(values, 'name'), suggestion)}`}
      onSubmit={async (input, requestId) => {
        const { name } = await rpc().site.create({ ...input, requestId });
        said('created', 'site', name);
      }}
      onClose={onClose}
    />
  );
}

export function CreateCluster({ of, onClose }: SheetProps): ReactElement {
  const { t } = useTranslation();
  const said = useSaid();
  const sites = useLive((state) => state.sites);
  const clusters = useLive((state) => state.clusters);
  const suggestion = (values: Values): string => freeName(text(values, 'site') || 'cluster', clusters);
  return (
    <FormSheet
      id="create-cluster"
      title={t('config.sheet.create-cluster.title')}
      lead={t('config.sheet.create-cluster.lead')}
      actionLabel={t('config.act.create')}
      schema={schemas.cluster}
      initial={{ name: '', site: preset(of, sites) }}
      fields={(values) => [
        { kind: 'name', key: 'name', label: t('config.name'), suggestion: suggestion(values) },
        { kind: 'choice', key: 'site', label: t('config.site'), options: optionsOf(sites) },
      ]}
      command={(values) =>
        `lockstep cluster create ${word(text(values, 'name'), suggestion(values))} --site ${word(text(values, 'site'), 'SITE')}`
      }
      onSubmit={async (input, requestId) => {
        const { name } = await rpc().cluster.create({ ...input, requestId });
        said('created', 'cluster', name);
      }}
      onClose={onClose}
    />
  );
}

export function CreateServer({ of, onClose }: SheetProps): ReactElement {
  const { t } = useTranslation();
  const said = useSaid();
  const clusters = useLive((state) => state.clusters);
  const servers = useLive((state) => state.servers);
  const suggestion = (values: Values): string => numberedName(text(values, 'cluster') || 'server', servers);
  return (
    <FormSheet
      id="create-server"
      title={t('config.sheet.create-server.title')}
      lead={t('config.sheet.create-server.lead')}
      actionLabel={t('config.act.create')}
      schema={schemas.server}
      initial={{ name: '', cluster: preset(of, clusters), nvlogHalfBytes: '' }}
      fields={(values) => [
        { kind: 'name', key: 'name', label: t('config.name'), suggestion: suggestion(values) },
        { kind: 'choice', key: 'cluster', label: t('config.cluster'), options: optionsOf(clusters) },
        {
          kind: 'size',
          key: 'nvlogHalfBytes',
          label: t('config.server.logHalf'),
          hint: t('config.server.logHalfHint'),
          optional: true,
        },
      ]}
      command={(values) =>
        `lockstep server create ${word(text(values, 'name'), suggestion(values))} --cluster ${word(text(values, 'cluster'), 'CLUSTER')}${flag('log-half', text(values, 'nvlogHalfBytes'))}`
      }
      onSubmit={async (input, requestId) => {
        const { name } = await rpc().server.create({ ...input, requestId });
        said('created', 'server', name);
      }}
      onClose={onClose}
    />
  );
}

function useQualityFields(): {
  latency: { kind: 'duration'; key: string; label: string; hint: string; optional: true };
  bandwidth: { kind: 'rate'; key: string; label: string; hint: string; optional: true };
} {
  const { t } = useTranslation();
  return {
    latency: {
      kind: 'duration',
      key: 'latencyMs',
      label: t('config.link.latency'),
      hint: t('config.link.latencyHint'),
      optional: true,
    },
    bandwidth: {
      kind: 'rate',
      key: 'bandwidthBytesPerSecond',
      label: t('config.link.bandwidth'),
      hint: t('config.link.bandwidthHint'),
      optional: true,
    },
  };
}

export function CreateLink({ of, onClose }: SheetProps): ReactElement {
  const { t } = useTranslation();
  const said = useSaid();
  const sites = useLive((state) => state.sites);
  const links = useLive((state) => state.links);
  const quality = useQualityFields();
  const suggestion = (values: Values): string => {
    const [a, b] = [text(values, 'from'), text(values, 'to')];
    return a === '' || b === '' ? numberedName('link', links) : freeName(`${a}-${b}`, links);
  };
  const only = sites.length === 2 ? sites : [];
  const from = of !== null && sites.some((site) => site.name === of) ? of : (only[0]?.name ?? '');
  return (
    <FormSheet
      id="create-link"
      title={t('config.sheet.create-link.title')}
      lead={t('config.sheet.create-link.lead')}
      actionLabel={t('config.act.create')}
      schema={schemas.link}
      initial={{
        name: '',
        from,
        to: only.find((site) => site.name !== from)?.name ?? '',
        latencyMs: '',
        bandwidthBytesPerSecond: '',
      }}
      fields={(values) => [
        { kind: 'name', key: 'name', label: t('config.name'), suggestion: suggestion(values) },
        { kind: 'choice', key: 'from', label: t('config.link.from'), options: optionsOf(sites) },
        {
          kind: 'choice',
          key: 'to',
          label: t('config.link.to'),
          options: optionsOf(sites.filter((site) => site.name !== text(values, 'from'))),
        },
        quality.latency,
        quality.bandwidth,
      ]}
      shape={({ from: a, to: b, ...rest }) => ({ ...rest, sites: [a ?? '', b ?? ''] })}
      fieldOf={(path) => (path === 'sites.0' ? 'from' : path.startsWith('sites') ? 'to' : path)}
      command={(values) =>
        `lockstep link create ${word(text(values, 'name'), suggestion(values))} ${word(text(values, 'from'), 'SITE')} ${word(text(values, 'to'), 'SITE')}${flag('latency', text(values, 'latencyMs'))}${flag('bandwidth', text(values, 'bandwidthBytesPerSecond'))}`
      }
      onSubmit={async (input, requestId) => {
        const { name } = await rpc().link.create({ ...input, requestId });
        said('created', 'link', name);
      }}
      onClose={onClose}
    />
  );
}

export function SetLink({ of, onClose }: SheetProps): ReactElement | null {
  const { t } = useTranslation();
  const said = useSaid();
  const link = useLive((state) => state.links.find((one) => one.name === of));
  const quality = useQualityFields();
  if (link === undefined) return null;
  const { name } = link;
  return (
    <FormSheet
      id={`set-link ${name}`}
      title={t('config.sheet.set-link.title', { name })}
      lead={t('config.sheet.set-link.lead')}
      actionLabel={t('config.act.set')}
      schema={schemas.setLink}
      initial={{
        latencyMs: units.durationText(link.latencyMs),
        bandwidthBytesPerSecond:
          link.bandwidthBytesPerSecond === null ? 'unlimited' : units.sizeText(link.bandwidthBytesPerSecond),
      }}
      fields={() => [quality.latency, quality.bandwidth]}
      shape={(flat) => ({ ...flat, link: name })}
      command={(values) =>
        `lockstep link set ${name}${flag('latency', text(values, 'latencyMs'))}${flag('bandwidth', text(values, 'bandwidthBytesPerSecond'))}`
      }
      onSubmit={async (input, requestId) => {
        await rpc().link.set({ ...input, requestId });
        said('changed', 'link', name);
      }}
      onClose={onClose}
    />
  );
}

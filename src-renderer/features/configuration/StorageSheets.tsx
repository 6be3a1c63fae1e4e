import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { raidLevelSchema } from '../../../src-engine/contract/index.ts';
import { rpc, useLive } from '../../client/index.ts';
import { Callout, Facts, units } from '../../shared/index.ts';
import { FormSheet, text, type Values } from '../../shared/form/index.ts';
import { flag, freeName, numberedName, optionsOf, poolLabel, preset, schemas, word } from './input.ts';
import { ArrayPreview, PoolPreview, RefusedNote, Steps, Waiting } from './Previews.tsx';
import type { SheetProps } from './TopologySheets.tsx';
import { useSaid } from './use-created.ts';
import { usePreview } from './use-preview.ts';

export function CreateArray({ of, onClose }: SheetProps): ReactElement {
  const { t } = useTranslation();
  const said = useSaid();
  const clusters = useLive((state) => state.clusters);
  const arrays = useLive((state) => state.arrays);
  const suggestion = (values: Values): string =>
    freeName(text(values, 'cluster') === '' ? 'shelf' : `${text(values, 'cluster')}-shelf`, arrays);
  return (
    <FormSheet
      id="create-array"
      title={t('config.sheet.create-array.title')}
      lead={t('config.sheet.create-array.lead')}
      actionLabel={t('config.act.create')}
      schema={schemas.array}
      initial={{ name: '', cluster: preset(of, clusters), disks: '6', diskSizeBytes: '256MiB' }}
      fields={(values) => [
        { kind: 'name', key: 'name', label: t('config.name'), suggestion: suggestion(values) },
        { kind: 'choice', key: 'cluster', label: t('config.cluster'), options: optionsOf(clusters) },
        { kind: 'count', key: 'disks', label: t('config.array.disks') },
        {
          kind: 'size',
          key: 'diskSizeBytes',
          label: t('config.array.diskSize'),
          hint: t('config.array.diskSizeHint'),
        },
      ]}
      command={(values) =>
        `lockstep array create ${word(text(values, 'name'), suggestion(values))} --cluster ${word(text(values, 'cluster'), 'CLUSTER')} --disks ${word(text(values, 'disks'), 'COUNT')} --disk-size ${word(text(values, 'diskSizeBytes'), 'SIZE')}`
      }
      preview={(_input, values) => {
        const disks = Number(text(values, 'disks'));
        const diskSizeBytes = units.parseSize(text(values, 'diskSizeBytes'));
        const asked = schemas.array.pick({ disks: true, diskSizeBytes: true }).safeParse({ disks, diskSizeBytes });
        const cluster = text(values, 'cluster');
        return (
          <ArrayPreview input={asked.success ? { ...asked.data, ...(cluster === '' ? {} : { cluster }) } : null} />
        );
      }}
      onSubmit={async (input, requestId) => {
        const { name } = await rpc().array.create({ ...input, requestId });
        said('created', 'array', name);
      }}
      onClose={onClose}
    />
  );
}

export function CreatePool({ of, onClose }: SheetProps): ReactElement {
  const { t } = useTranslation();
  const said = useSaid();
  const arrays = useLive((state) => state.arrays);
  const servers = useLive((state) => state.servers);
  const pools = useLive((state) => state.pools);
  const arrayOf = (values: Values) => arrays.find((one) => one.name === text(values, 'array'));
  const suggestion = (values: Values): string => {
    const site = arrayOf(values)?.site;
    return freeName(site === undefined ? 'pool' : `${site}-pool`, pools);
  };
  const usable = arrays.filter((one) => one.disks.some((disk) => disk.state === 'unused'));
  const first = arrays.find((one) => one.name === of) ?? usable[0] ?? arrays[0];
  const owners = servers.filter((one) => one.cluster === first?.cluster);
  return (
    <FormSheet
      id="create-pool"
      title={t('config.sheet.create-pool.title')}
      lead={t('config.sheet.create-pool.lead')}
      actionLabel={t('config.act.create')}
      schema={schemas.pool}
      initial={{ name: '', array: first?.name ?? '', level: 'raid5', owner: owners[0]?.name ?? '', slots: [] }}
      fields={(values) => {
        const array = arrayOf(values);
        return [
          { kind: 'name', key: 'name', label: t('config.name'), suggestion: suggestion(values) },
          { kind: 'choice', key: 'array', label: t('config.pool.array'), options: optionsOf(arrays) },
          {
            kind: 'choice',
            key: 'level',
            label: t('config.pool.level'),
            segments: true,
            options: raidLevelSchema.options.map((level) => ({ value: level, label: t(`raid.${level}`) })),
          },
          {
            kind: 'many',
            key: 'slots',
            label: t('config.pool.slots'),
            hint: t('config.pool.slotsHint'),
            optional: true,
            options: (array?.disks ?? []).map((disk) => ({
              value: String(disk.slot),
              label:
                disk.pool === null
                  ? t('config.pool.slot', { slot: disk.slot, size: units.bytes(disk.sizeBytes) })
                  : t('config.pool.taken', { slot: disk.slot, pool: disk.pool }),
              disabled: disk.state !== 'unused',
            })),
          },
          {
            kind: 'choice',
            key: 'owner',
            label: t('config.owner'),
            options: optionsOf(servers.filter((one) => array === undefined || one.cluster === array.cluster)),
          },
        ];
      }}
      command={(values) => {
        const slots = Array.isArray(values['slots']) ? [...(values['slots'] as readonly string[])] : [];
        const picked = slots.map(Number).sort((a, b) => a - b);
        return `lockstep pool create ${word(text(values, 'name'), suggestion(values))} --array ${word(text(values, 'array'), 'ARRAY')} --level ${text(values, 'level')} --owner ${word(text(values, 'owner'), 'SERVER')}${flag('slots', picked.join(','))}`;
      }}
      preview={(_input, values) => {
        const slots = Array.isArray(values['slots']) ? (values['slots'] as readonly string[]).map(Number) : [];
        const asked = schemas.pool.pick({ array: true, level: true, slots: true }).safeParse({
          array: text(values, 'array'),
          level: text(values, 'level'),
          ...(slots.length === 0 ? {} : { slots }),
        });
        if (!asked.success) return <PoolPreview input={null} />;
        const { slots: picked, ...rest } = asked.data;
        return <PoolPreview input={{ ...rest, ...(picked === undefined ? {} : { slots: picked }) }} />;
      }}
      onSubmit={async (input, requestId) => {
        const { name } = await rpc().pool.create({ ...input, requestId });
        said('created', 'pool', name);
      }}
      onClose={onClose}
    />
  );
}

/** What a pool has for a new volume; thin: more may be promised than is there, and that is said. */
export function PoolRoom({ pool: name, sizeBytes }: { pool: string; sizeBytes: number | null }): ReactElement {
  const { t } = useTranslation();
  const pool = useLive((state) => state.pools.find((one) => one.name === name));
  if (pool === undefined) return <p className="dim">{t('config.fillIn')}</p>;
  return (
    <>
      <Facts
        facts={[
          { label: t('config.volume.poolFree', { pool: pool.name }), value: units.bytes(pool.freeBytes) },
          { label: t('config.volume.size'), value: units.bytes(sizeBytes) },
          { label: t('config.pool.level'), value: t(`raid.${pool.level}`) },
          { label: t('config.pool.array'), value: pool.array },
          { label: t('config.site'), value: pool.site },
          { label: t('config.volume.servedBy'), value: pool.owner ?? '–' },
        ]}
      />
      {sizeBytes !== null && sizeBytes > pool.freeBytes ? (
        <Callout tone="warn">{t('config.volume.thin')}</Callout>
      ) : null}
    </>
  );
}

export function CreateVolume({ of, onClose }: SheetProps): ReactElement {
  const { t } = useTranslation();
  const said = useSaid();
  const lists = useLive();
  const { pools, volumes } = lists;
  const suggestion = numberedName('volume', volumes);
  return (
    <FormSheet
      id="create-volume"
      title={t('config.sheet.create-volume.title')}
      lead={t('config.sheet.create-volume.lead')}
      actionLabel={t('config.act.create')}
      schema={schemas.volume}
      initial={{ name: '', pool: preset(of, pools), sizeBytes: '64MiB' }}
      fields={() => [
        { kind: 'name', key: 'name', label: t('config.name'), suggestion },
        {
          kind: 'choice',
          key: 'pool',
          label: t('config.volume.pool'),
          options: optionsOf(pools, (name) =>
            poolLabel(lists, name, (values) => t('config.volume.poolOption', values)),
          ),
        },
        { kind: 'size', key: 'sizeBytes', label: t('config.volume.size'), hint: t('config.volume.sizeHint') },
      ]}
      command={(values) =>
        `lockstep volume create ${word(text(values, 'name'), suggestion)} --pool ${word(text(values, 'pool'), 'POOL')} --size ${word(text(values, 'sizeBytes'), 'SIZE')}`
      }
      preview={(_input, values) => (
        <PoolRoom pool={text(values, 'pool')} sizeBytes={units.parseSize(text(values, 'sizeBytes'))} />
      )}
      onSubmit={async (input, requestId) => {
        const { name } = await rpc().volume.create({ ...input, requestId });
        said('created', 'volume', name);
      }}
      onClose={onClose}
    />
  );
}

function GrowPreview({ input }: { input: { volume: string; sizeBytes: number } | null }): ReactElement {
  const { t } = useTranslation();
  const { data, error } = usePreview('grow', input, (asked) => rpc().volume.preview({ ...asked, action: 'grow' }));
  if (data === undefined || input === null) return <Waiting asked={input !== null} error={error} />;
  return (
    <>
      <Steps label={t('sheet.steps')} steps={data.steps} />
      <Facts
        facts={data.affects.map((one) => ({
          label: t('config.volume.grows', one),
          value: t('config.volume.fromTo', { from: units.bytes(one.fromBytes), to: units.bytes(one.toBytes) }),
        }))}
      />
      <RefusedNote refusal={data.refusal} />
    </>
  );
}

export function GrowVolume({ of, onClose }: SheetProps): ReactElement | null {
  const { t } = useTranslation();
  const said = useSaid();
  const volume = useLive((state) => state.volumes.find((one) => one.name === of));
  if (volume === undefined) return null;
  const { name } = volume;
  return (
    <FormSheet
      id={`grow-volume ${name}`}
      title={t('config.sheet.grow-volume.title', { name })}
      actionLabel={t('config.act.grow')}
      schema={schemas.grow}
      initial={{ sizeBytes: units.sizeText(2 * volume.sizeBytes) }}
      fields={() => [
        {
          kind: 'size',
          key: 'sizeBytes',
          label: t('config.volume.newSize'),
          hint: `${t('config.volume.now')}: ${units.bytes(volume.sizeBytes)}. ${t('config.volume.sizeHint')}`,
        },
      ]}
      shape={(flat) => ({ ...flat, volume: name })}
      fieldOf={(path) => (path === 'volume' ? 'sizeBytes' : path)}
      command={(values) => `lockstep volume grow ${name} --size ${word(text(values, 'sizeBytes'), 'SIZE')}`}
      preview={(input) => (
        <GrowPreview input={input === null ? null : { volume: input.volume, sizeBytes: input.sizeBytes }} />
      )}
      onSubmit={async (input, requestId) => {
        await rpc().volume.grow({ ...input, requestId });
        said('changed', 'volume', name);
      }}
      onClose={onClose}
    />
  );
}

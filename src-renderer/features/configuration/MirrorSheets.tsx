import { ORPCError } from '@orpc/client';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import type { Mirror } from '../../../src-engine/contract/index.ts';
import { refusalOf, rpc, useLive } from '../../client/index.ts';
import { Callout, Facts, units } from '../../shared/index.ts';
import { FormSheet, text, type Field, type Values } from '../../shared/form/index.ts';
import { freeName, linkBetween, numberedName, optionsOf, poolLabel, preset, schemas, word } from './input.ts';
import { RefusedNote, Steps, Waiting } from './Previews.tsx';
import type { SheetProps } from './TopologySheets.tsx';
import { useSaid } from './use-created.ts';
import { usePreview } from './use-preview.ts';

/** Everything in one go: what is made on the way is checked by the schemas of the procedures that make it. */
const pairSchema = schemas.mirror.extend({
  destination: schemas.mirror.shape.destination.optional(),
  destinationPool: schemas.volume.shape.pool.optional(),
  destinationName: schemas.volume.shape.name.optional(),
});
const protectSchema = z.strictObject({
  name: schemas.volume.shape.name,
  pool: schemas.volume.shape.pool,
  sizeBytes: schemas.volume.shape.sizeBytes,
  destinationPool: schemas.volume.shape.pool,
  destinationName: schemas.volume.shape.name,
  policy: schemas.mirror.shape.policy,
  recovery: schemas.mirror.shape.recovery,
});

/** The refusal of one of several steps, at the field of this form that it speaks of. */
async function atFields<T>(fields: Readonly<Record<string, string>>, act: Promise<T>): Promise<T> {
  try {
    return await act;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal?.field === undefined) throw error;
    const data = { ...refusal, field: fields[refusal.field] ?? refusal.field };
    throw new ORPCError('REFUSED', { status: 409, message: refusal.message, data, defined: true });
  }
}

interface Wanted {
  name: string;
  pool: string;
  sizeBytes: number;
}

/** Made now, or by the earlier try of this form that stopped half way. */
async function ensureVolume(
  wanted: Wanted,
  requestId: string,
  fields: Readonly<Record<string, string>>,
): Promise<void> {
  const there = useLive.getState().volumes.find((one) => one.name === wanted.name);
  const same = there?.pool === wanted.pool && there.sizeBytes === wanted.sizeBytes && there.mirror === null;
  if (!same) await atFields(fields, rpc().volume.create({ ...wanted, requestId }));
}

function usePolicyFields(): (values: Values) => Field[] {
  const { t } = useTranslation();
  const policies = ['availability', 'strict'] as const;
  const recoveries = ['auto', 'manual'] as const;
  return (values) => {
    const policy = policies.find((one) => one === text(values, 'policy')) ?? 'availability';
    const recovery = recoveries.find((one) => one === text(values, 'recovery')) ?? 'auto';
    return [
      {
        kind: 'choice',
        key: 'policy',
        segments: true,
        label: t('config.mirror.policy'),
        hint: t(`config.mirror.policyHint.${policy}`),
        options: policies.map((value) => ({ value, label: t(`policy.${value}`) })),
      },
      {
        kind: 'choice',
        key: 'recovery',
        segments: true,
        label: t('config.mirror.recovery'),
        hint: t(`config.mirror.recoveryHint.${recovery}`),
        options: recoveries.map((value) => ({ value, label: t(`config.mirror.recoveryOption.${value}`) })),
      },
    ];
  };
}

const policyFlags = (values: Values): string =>
  ` --policy ${text(values, 'policy')} --recovery ${text(values, 'recovery')}`;

interface Asked {
  source: string;
  destination: string;
  policy?: Mirror['policy'];
  recovery?: Mirror['recovery'];
  assumeEqual?: boolean;
}

function PairPreview({ input }: { input: Asked | null }): ReactElement {
  const { t } = useTranslation();
  const { data, error } = usePreview('mirror', input, (asked) => rpc().mirror.previewCreate(asked));
  if (data === undefined || input === null) return <Waiting asked={input !== null} error={error} />;
  return (
    <>
      <Steps label={t('sheet.steps')} steps={data.steps} />
      <Facts
        facts={[
          { label: t('config.mirror.toCopy'), value: units.bytes(data.bytesToCopy) },
          { label: t('config.mirror.overwritten'), value: units.bytes(data.bytesOverwritten) },
          { label: t('config.mirror.link'), value: data.link ?? t('config.mirror.noLink') },
          { label: t('config.mirror.takes'), value: units.durationSeconds(data.expectedSeconds) },
        ]}
      />
      <RefusedNote refusal={data.refusal} />
    </>
  );
}

interface Ends {
  name: string;
  sizeBytes: number | null;
  source: { volume: string; pool: string; isNew: boolean };
  destination: { volume: string; pool: string };
}

/** What a form that also makes volumes will do, in the order in which it does it. */
function WillMake({ ends }: { ends: Ends }): ReactElement {
  const { t } = useTranslation();
  const lists = useLive();
  const poolOf = (name: string) => lists.pools.find((one) => one.name === name);
  const [from, to] = [poolOf(ends.source.pool), poolOf(ends.destination.pool)];
  if (from === undefined || to === undefined || ends.sizeBytes === null)
    return <p className="dim">{t('config.fillIn')}</p>;
  const size = units.bytes(ends.sizeBytes);
  const link = linkBetween(lists, from.site, to.site);
  const steps = [
    ...(ends.source.isNew
      ? [t('config.protect.will.volume', { name: ends.source.volume, size, pool: from.name, site: from.site })]
      : []),
    t('config.protect.will.copy', { name: ends.destination.volume, size, pool: to.name, site: to.site }),
    t('config.protect.will.mirror', { name: ends.name, link: link ?? t('config.mirror.noLink') }),
    t('config.protect.will.establish'),
  ];
  const tight = [from, to].filter(
    (pool, index) => (index === 1 || ends.source.isNew) && pool.freeBytes < (ends.sizeBytes ?? 0),
  );
  return (
    <>
      <Steps label={t('sheet.steps')} steps={steps} />
      <Facts
        facts={[from, to].map((pool) => ({
          label: t('config.volume.poolFree', { pool: pool.name }),
          value: units.bytes(pool.freeBytes),
        }))}
      />
      {from.site === to.site ? <Callout tone="bad">{t('config.mirror.same')}</Callout> : null}
      {link === null && from.site !== to.site ? (
        <Callout tone="warn">{t('config.protect.noLink', { a: from.site, b: to.site })}</Callout>
      ) : null}
      {tight.length === 0 ? null : <Callout tone="warn">{t('config.volume.thin')}</Callout>}
    </>
  );
}

export function CreateMirror({ of, onClose }: SheetProps): ReactElement {
  const { t } = useTranslation();
  const said = useSaid();
  const lists = useLive();
  const policyFields = usePolicyFields();
  const free = lists.volumes.filter((one) => one.mirror === null);
  const volumeLabel = (name: string): string => {
    const volume = lists.volumes.find((one) => one.name === name);
    return volume === undefined
      ? name
      : t('config.mirror.option', { volume: name, site: volume.site, size: units.bytes(volume.sizeBytes) });
  };
  const sourceOf = (values: Values) => lists.volumes.find((one) => one.name === text(values, 'source'));
  const nameOf = (values: Values): string =>
    text(values, 'name') || freeName(text(values, 'source') || 'mirror', lists.mirrors);
  const copyOf = (values: Values): string =>
    text(values, 'destinationName') || freeName(`${text(values, 'source') || 'volume'}-copy`, lists.volumes);
  const makes = (values: Values): boolean => values['make'] === true;
  /** Content of an existing volume is at stake: the name is typed. */
  const typed = (values: Values): boolean => !makes(values);
  return (
    <FormSheet
      id="create-mirror"
      title={t('config.sheet.create-mirror.title')}
      lead={t('config.sheet.create-mirror.lead')}
      actionLabel={t('config.act.create')}
      schema={pairSchema}
      initial={{
        source: preset(of, free),
        make: true,
        destination: '',
        destinationPool: '',
        destinationName: '',
        name: '',
        policy: 'availability',
        recovery: 'auto',
        assumeEqual: false,
        confirm: '',
      }}
      fields={(values) => {
        const source = sourceOf(values);
        const elsewhere = lists.pools.filter((one) => source === undefined || one.site !== source.site);
        const others = free.filter((one) => one.name !== source?.name && one.site !== source?.site);
        const make: Field[] = makes(values)
          ? [
              {
                kind: 'choice',
                key: 'destinationPool',
                label: t('config.mirror.destinationPool'),
                options: optionsOf(elsewhere, (name) =>
                  poolLabel(lists, name, (parts) => t('config.volume.poolOption', parts)),
                ),
              },
              {
                kind: 'name',
                key: 'destinationName',
                label: t('config.mirror.destinationName'),
                suggestion: copyOf({ ...values, destinationName: '' }),
              },
            ]
          : [
              {
                kind: 'choice',
                key: 'destination',
                label: t('config.mirror.destination'),
                hint: t('config.mirror.destinationHint'),
                options: optionsOf(others, volumeLabel),
              },
              {
                kind: 'switch',
                key: 'assumeEqual',
                label: t('config.mirror.assumeEqual'),
                hint: t('config.mirror.assumeEqualHint'),
              },
            ];
        return [
          {
            kind: 'choice',
            key: 'source',
            label: t('config.mirror.source'),
            options: optionsOf(free, volumeLabel),
            ...(free.length === 0 ? { hint: t('config.mirror.noneFree') } : {}),
          },
          { kind: 'switch', key: 'make', label: t('config.mirror.make'), hint: t('config.mirror.makeHint') },
          ...make,
          { kind: 'name', key: 'name', label: t('config.name'), suggestion: nameOf({ ...values, name: '' }) },
          ...policyFields(values),
          ...(typed(values)
            ? ([
                {
                  kind: 'typed',
                  key: 'confirm',
                  name: nameOf(values),
                  label: t('config.mirror.confirm', { name: nameOf(values) }),
                },
              ] as const)
            : []),
        ];
      }}
      shape={({ make: _made, ...rest }) => rest}
      command={(values) => {
        const name = word(nameOf(values), 'NAME');
        const source = word(text(values, 'source'), 'VOLUME');
        const sizeBytes = sourceOf(values)?.sizeBytes;
        const size = sizeBytes === undefined ? 'SIZE' : units.sizeText(sizeBytes);
        const destination = makes(values) ? copyOf(values) : word(text(values, 'destination'), 'VOLUME');
        const volume = `lockstep volume create ${destination} --pool ${word(text(values, 'destinationPool'), 'POOL')} --size ${size} && `;
        const equal = values['assumeEqual'] === true && !makes(values);
        const mirror = `lockstep mirror create ${name} --source ${source} --destination ${destination}${policyFlags(values)}${equal ? ' --assume-equal --yes' : ''}`;
        return `${makes(values) ? volume : ''}${mirror}`;
      }}
      preview={(_input, values) => {
        const source = text(values, 'source');
        if (makes(values)) {
          const from = sourceOf(values);
          return (
            <WillMake
              ends={{
                name: nameOf(values),
                sizeBytes: from?.sizeBytes ?? null,
                source: { volume: source, pool: from?.pool ?? '', isNew: false },
                destination: { volume: copyOf(values), pool: text(values, 'destinationPool') },
              }}
            />
          );
        }
        const destination = text(values, 'destination');
        const { policy, recovery } = schemas.mirror.pick({ policy: true, recovery: true }).parse({
          policy: text(values, 'policy'),
          recovery: text(values, 'recovery'),
        });
        const asked: Asked = {
          source,
          destination,
          ...(policy === undefined ? {} : { policy }),
          ...(recovery === undefined ? {} : { recovery }),
          ...(values['assumeEqual'] === true ? { assumeEqual: true } : {}),
        };
        return <PairPreview input={source === '' || destination === '' ? null : asked} />;
      }}
      onSubmit={async (input, requestId) => {
        const { destinationPool, destinationName, confirm, ...mirror } = input;
        const source = useLive.getState().volumes.find((one) => one.name === input.source);
        const destination = input.destination ?? destinationName ?? '';
        if (destinationPool !== undefined && source !== undefined) {
          const wanted = { name: destination, pool: destinationPool, sizeBytes: source.sizeBytes };
          await ensureVolume(wanted, `${requestId}-v`, { name: 'destinationName', pool: 'destinationPool' });
        }
        const there = useLive
          .getState()
          .mirrors.some((one) => one.name === mirror.name && one.source.volume === mirror.source);
        if (!there)
          await atFields(
            { destination: destinationPool === undefined ? 'destination' : 'destinationPool' },
            rpc().mirror.create({
              ...mirror,
              destination,
              requestId,
              ...(mirror.assumeEqual === true && confirm !== undefined ? { confirm } : {}),
            }),
          );
        said('created', 'mirror', mirror.name);
      }}
      onClose={onClose}
    />
  );
}

export function ProtectVolume({ of, onClose }: SheetProps): ReactElement {
  const { t } = useTranslation();
  const said = useSaid();
  const lists = useLive();
  const { pools } = lists;
  const policyFields = usePolicyFields();
  const first = pools.find((one) => one.name === of) ?? pools[0];
  const second = pools.find((one) => one.site !== first?.site);
  const nameOf = (values: Values): string => text(values, 'name') || numberedName('volume', lists.volumes);
  const copyOf = (values: Values): string =>
    text(values, 'destinationName') || freeName(`${nameOf(values)}-copy`, lists.volumes);
  const poolOption = (name: string): string => poolLabel(lists, name, (parts) => t('config.volume.poolOption', parts));
  return (
    <FormSheet
      id="protect-volume"
      title={t('config.sheet.protect-volume.title')}
      lead={t('config.sheet.protect-volume.lead')}
      actionLabel={t('config.act.create')}
      schema={protectSchema}
      initial={{
        name: '',
        sizeBytes: '64MiB',
        pool: first?.name ?? '',
        destinationPool: second?.name ?? '',
        destinationName: '',
        policy: 'availability',
        recovery: 'auto',
      }}
      fields={(values) => {
        const site = pools.find((one) => one.name === text(values, 'pool'))?.site;
        return [
          {
            kind: 'name',
            key: 'name',
            label: t('config.protect.name'),
            suggestion: nameOf({ ...values, name: '' }),
          },
          { kind: 'size', key: 'sizeBytes', label: t('config.mirror.size'), hint: t('config.volume.sizeHint') },
          { kind: 'choice', key: 'pool', label: t('config.protect.pool'), options: optionsOf(pools, poolOption) },
          {
            kind: 'choice',
            key: 'destinationPool',
            label: t('config.mirror.destinationPool'),
            options: optionsOf(
              pools.filter((one) => one.site !== site),
              poolOption,
            ),
          },
          {
            kind: 'name',
            key: 'destinationName',
            label: t('config.mirror.destinationName'),
            suggestion: copyOf({ ...values, destinationName: '' }),
          },
          ...policyFields(values),
        ];
      }}
      command={(values) => {
        const [name, copy] = [nameOf(values), copyOf(values)];
        const size = word(text(values, 'sizeBytes'), 'SIZE');
        return [
          `lockstep volume create ${name} --pool ${word(text(values, 'pool'), 'POOL')} --size ${size}`,
          `lockstep volume create ${copy} --pool ${word(text(values, 'destinationPool'), 'POOL')} --size ${size}`,
          `lockstep mirror create ${name} --source ${name} --destination ${copy}${policyFlags(values)}`,
        ].join(' && ');
      }}
      preview={(_input, values) => (
        <WillMake
          ends={{
            name: nameOf(values),
            sizeBytes: units.parseSize(text(values, 'sizeBytes')),
            source: { volume: nameOf(values), pool: text(values, 'pool'), isNew: true },
            destination: { volume: copyOf(values), pool: text(values, 'destinationPool') },
          }}
        />
      )}
      onSubmit={async ({ name, pool, sizeBytes, destinationPool, destinationName, policy, recovery }, requestId) => {
        await ensureVolume({ name, pool, sizeBytes }, `${requestId}-a`, {});
        const copy = { name: destinationName, pool: destinationPool, sizeBytes };
        await ensureVolume(copy, `${requestId}-b`, { name: 'destinationName', pool: 'destinationPool' });
        if (!useLive.getState().mirrors.some((one) => one.name === name && one.source.volume === name))
          await atFields(
            { destination: 'destinationPool' },
            rpc().mirror.create({
              name,
              source: name,
              destination: destinationName,
              requestId,
              ...(policy === undefined ? {} : { policy }),
              ...(recovery === undefined ? {} : { recovery }),
            }),
          );
        said('created', 'mirror', name);
      }}
      onClose={onClose}
    />
  );
}

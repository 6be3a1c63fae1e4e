/**
 * A lab just large enough to judge the doors by: real procedures of the real contract over one volume in memory. What a
 * real lab does is tested with the lab.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { implement } from '@orpc/server';
import {
  contract,
  MIRROR_ACTIONS,
  type Job,
  type Mirror,
  type MirrorPreview,
  type Refusal,
  type Volume,
} from '../../src-engine/contract/index.ts';
import { refused, type LabOpener } from '../../src-main/engine/index.ts';

const AT = '2026-01-01T00:00:00.000Z';
const R01: Refusal = {
  code: 'R01',
  message: 'north is serving this volume now.',
  hint: 'Use switchover.',
  overridable: false,
};
export const VOLUME_BYTES = 3 * 2 ** 20;

export interface SmallLab {
  readonly open: LabOpener;
  readonly content: Buffer;
  /** `procedure actor` of each call that got through to the lab. */
  readonly calls: string[];
  closed: number;
  announced: Record<string, string>;
}

export function smallLab(): SmallLab {
  const content = Buffer.alloc(VOLUME_BYTES);
  const calls: string[] = [];
  const lab: SmallLab = {
    content,
    calls,
    closed: 0,
    announced: {},
    open: ({ directory, create }) => {
      if (create !== undefined) {
        mkdirSync(directory, { recursive: true });
        writeFileSync(join(directory, 'lab.json'), '{}');
      }
      return Promise.resolve({
        router: router(content, calls),
        close: () => {
          lab.closed += 1;
          return Promise.resolve();
        },
        announce: (addition: Record<string, string>) => {
          Object.assign(lab.announced, addition);
          return Promise.resolve();
        },
      });
    },
  };
  return lab;
}

export function makeLabDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'lab.json'), '{}');
}

const volume: Volume = {
  id: 'v1', name: 'payroll', sizeBytes: VOLUME_BYTES, usedBytes: 0, cluster: 'north', site: 'north', pool: 'north-pool', owner: 'north-1',
  state: 'serving', cause: null, policy: 'availability', mirror: 'payroll', cp: 7, sequence: 42, createdAt: AT, users: [],
}; // prettier-ignore

const mirror: Mirror = {
  id: 'm1', name: 'payroll', mode: 'consistency-point', policy: 'availability', recovery: 'auto', imageState: 'Synchronized', conditions: [],
  direction: 'forward', acting: 'north', source: { volume: 'payroll', site: 'north' }, destination: { volume: 'payroll-copy', site: 'south' },
  connection: 'connected', lag: { writes: 0, bytes: 0, seconds: 0 }, lastContact: AT, lastConsistent: null,
  fractureLog: { regions: 48, dirty: 0, regionSizeBytes: 65536, heat: [] }, safetySnapshot: null, sync: null,
  actions: MIRROR_ACTIONS.map((action) => ({ action, allowed: action !== 'failover', needsConfirmation: action === 'delete', ...(action === 'failover' ? { refusal: R01 } : {}) })),
  since: AT, createdAt: AT,
}; // prettier-ignore

const job = (kind: string, state: Job['state'], error: Refusal | null = null): Job => ({
  id: `job-${kind.replace('/', '-')}`, kind, subject: 'mirror/payroll', state, phase: 'copying', progress: state === 'done' ? 1 : 0.5, rateBytesPerSecond: null,
  etaSeconds: null, canPause: false, canCancel: false, createdAt: AT, endedAt: state === 'running' ? null : AT, result: null, error,
}); // prettier-ignore

const preview = (action: MirrorPreview['action']): MirrorPreview => ({
  action, allowed: action !== 'failover', refusal: action === 'failover' ? R01 : null, needsConfirmation: action === 'delete', steps: ['Both volumes stay.'],
  winner: null, overwritten: null, loss: null, lastSafe: null, expectedSeconds: null, kept: null, command: `lockstep mirror ${action} payroll`,
}); // prettier-ignore

const notFound = (noun: string, name: string): Error =>
  refused({
    code: `${noun}/not-found`,
    message: `There is no ${noun} ${name}.`,
    field: noun,
    hint: 'See the list.',
    overridable: false,
  });

function router(content: Buffer, calls: string[]): unknown {
  const os = implement(contract).$context<{ actor: string }>();
  const seen = (name: string, context: { actor: string }): void => void calls.push(`${name} ${context.actor}`);
  const known = (name: string): Volume => {
    if (name !== 'payroll' && name !== 'v1') throw notFound('volume', name);
    return volume;
  };
  return {
    lab: {
      info: os.lab.info.handler(({ context }) => {
        seen('lab.info', context);
        return {
          id: 'l1', name: 'demo', directory: '/lab', formatVersion: 1, demo: 'two-site', createdAt: AT, openedAt: AT, now: AT,
          sites: 2, servers: 2, volumes: 1, mirrors: 1, usedBytes: 0, freeBytes: null,
        }; // prettier-ignore
      }),
      check: os.lab.check.handler(() => ({
        verdict: 'damaged' as const,
        problems: [{ file: 'arrays/a/disk-0.img', offset: 4096, expected: 'crc 1', found: 'crc 2' }],
      })),
    },
    site: { list: os.site.list.handler(() => []) },
    volume: {
      list: os.volume.list.handler(() => [volume]),
      show: os.volume.show.handler(({ input }) => known(input.volume)),
      create: os.volume.create.handler(({ input }) => ({ ...volume, name: input.name })),
      checksum: os.volume.checksum.handler(({ input }) => {
        known(input.volume);
        return {
          sha256: createHash('sha256').update(content).digest('hex'),
          bytes: content.length,
          cp: 7,
          sequence: 42,
        };
      }),
      read: os.volume.read.handler(({ input }) => {
        known(input.volume);
        return {
          dataBase64: content.subarray(input.offset, input.offset + input.length).toString('base64'),
          cp: 7,
          sequence: 42,
        };
      }),
      write: os.volume.write.handler(({ input, context }) => {
        seen('volume.write', context);
        known(input.volume);
        return { bytes: Buffer.from(input.dataBase64, 'base64').copy(content, input.offset), sequence: 43 };
      }),
      import: os.volume.import.handler(({ input, context }) => {
        seen(`volume.import ${input.path}`, context);
        return job('volume/import', 'done');
      }),
    },
    mirror: {
      list: os.mirror.list.handler(() => [mirror]),
      show: os.mirror.show.handler(() => mirror),
      preview: os.mirror.preview.handler(({ input }) => preview(input.action)),
      failover: os.mirror.failover.handler(({ input, context }) => {
        seen(`mirror.failover force=${String(input.force)} confirm=${String(input.confirm)}`, context);
        throw refused(R01);
      }),
      resync: os.mirror.resync.handler(() => job('mirror/resync', 'running')),
      verify: os.mirror.verify.handler(() =>
        job('mirror/verify', 'failed', { ...R01, code: 'mirror/differs', message: '3 blocks differ.' }),
      ),
      delete: os.mirror.delete.handler(({ input, context }) => {
        seen(`mirror.delete confirm=${String(input.confirm)}`, context);
        return job('mirror/delete', 'done');
      }),
    },
    job: {
      wait: os.job.wait.handler(() => job('mirror/resync', 'done')),
      // A bug on purpose: an exception that no procedure declares.
      list: os.job.list.handler(() => {
        throw new Error('secret inside');
      }),
    },
    event: {
      list: os.event.list.handler(({ input }) => ({
        events: [2, 1].map((id) => ({
          id,
          at: AT,
          kind: 'job/done',
          severity: 'info' as const,
          subject: 'job/1',
          message: `limit ${String(input?.limit)}`,
        })),
        firstId: 1,
        lastId: 2,
      })),
      follow: os.event.follow.handler(async function* () {
        yield { id: 3, at: AT, kind: 'job/done', severity: 'info' as const, subject: 'job/1', message: 'three' };
        yield { id: 4, at: AT, kind: 'job/done', severity: 'info' as const, subject: 'job/1', message: 'four' };
      }),
    },
    fault: {
      inject: os.fault.inject.handler(({ input, context }) => {
        seen(`fault.inject ${JSON.stringify(input.fault)}`, context);
        return {
          id: 'f1',
          kind: input.fault.kind,
          subject: 'site/north',
          message: 'north is lost',
          parameters: {},
          injectedAt: AT,
        };
      }),
    },
    metrics: {
      snapshot: os.metrics.snapshot.handler(() => ({
        at: AT,
        families: [
          {
            name: 'lockstep_mirror_lag_writes',
            help: 'Writes',
            type: 'gauge' as const,
            samples: [{ labels: { mirror: 'a"b' }, value: 3 }],
          },
        ],
      })),
    },
  };
}

import type { TFunction } from 'i18next';
import type { Job } from '../../src-engine/contract/index.ts';

/** `mirror/reverse-resync` on `mirror/orders` reads "Reverse resync orders"; unknown kinds read as they are. */
export function jobTitle(t: TFunction, job: Job): string {
  const [noun = '', what = job.kind] = job.kind.split('/');
  const name = job.subject.slice(job.subject.indexOf('/') + 1);
  const known = noun === 'mirror' ? t(`action.${what}.label` as 'action.resync.label', { defaultValue: what }) : what;
  return `${known} ${name}`;
}

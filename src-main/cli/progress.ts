import cliProgress from 'cli-progress';
import type { Job } from '../../src-engine/contract/index.ts';
import { formatBytes } from './units.ts';

/** A bar on standard error. */
export function progressBar(job: Job): { show(job: Job): void; end(): void } {
  const bar = new cliProgress.SingleBar(
    {
      format: '{kind} [{bar}] {percentage}% {rate} {phase}',
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      barsize: 30,
    },
    cliProgress.Presets.shades_classic,
  );
  const payload = (present: Job): Record<string, string> => ({
    kind: present.kind,
    phase: present.phase,
    rate:
      present.rateBytesPerSecond === null
        ? ''
        : `${formatBytes(present.rateBytesPerSecond)}/s${present.etaSeconds === null ? '' : `, ${Math.ceil(present.etaSeconds)} s left`}`,
  });
  bar.start(1000, 0, payload(job));
  return {
    show: (present) => bar.update(Math.round((present.progress ?? 0) * 1000), payload(present)),
    end: () => bar.stop(),
  };
}

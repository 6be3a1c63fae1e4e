/** Figures: series, the snapshot for Prometheus, and the stream behind the console. */
import type { Sample } from '../../contract/index.ts';
import { instant, millisecondsOf } from '../instant.ts';
import type { Lab } from '../lab.ts';
import { followLive, LiveLists } from '../live.ts';
import { metricFamilies } from '../metric-families.ts';
import { PAGE, WINDOW_SECONDS } from './paging.ts';
import type { Procedures } from './procedures.ts';

export function figureRoutes(os: Procedures, lab: Lab) {
  const { topology } = lab;
  const live = new LiveLists(lab);
  return {
    metrics: {
      series: os.metrics.series.handler(({ input }) => {
        const fromMs = lab.clock.wallMs() - (input?.windowSeconds ?? WINDOW_SECONDS) * 1000;
        const marks = lab.events
          .page({ limit: PAGE })
          .filter((event) => event.kind.startsWith('fault/') || event.kind === 'mirror/state')
          .map((event) => ({ at: millisecondsOf(event.at), kind: event.kind, message: event.message }))
          .filter((mark) => mark.at >= fromMs)
          .reverse();
        if (input?.volume !== undefined)
          return lab.sampler.metrics.series(`volume/${topology.volumes.find(input.volume).id}`, fromMs, marks);
        if (input?.server !== undefined)
          return lab.sampler.metrics.series(`server/${topology.servers.find(input.server).id}`, fromMs, marks);
        const older =
          fromMs >= lab.openedAtMs
            ? []
            : lab.catalog
                .samples(fromMs)
                .map((row) => row.sample as Sample)
                .filter((sample) => sample.at < lab.openedAtMs);
        return lab.sampler.metrics.series('lab', fromMs, marks, older);
      }),
      snapshot: os.metrics.snapshot.handler(() => ({ at: instant(lab.clock.wallMs()), families: metricFamilies(lab) })),
    },
    live: {
      follow: os.live.follow.handler(({ signal }) => followLive(live, signal)),
    },
  };
}

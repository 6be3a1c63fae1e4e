import { arrays } from '../features/arrays/feature.tsx';
import { configuration } from '../features/configuration/feature.tsx';
import { events } from '../features/events/feature.tsx';
import { faults } from '../features/faults/feature.tsx';
import { overview } from '../features/overview/feature.tsx';
import { recovery } from '../features/recovery/feature.tsx';
import { replication } from '../features/replication/feature.tsx';
import { servers } from '../features/servers/feature.tsx';
import { topology } from '../features/topology/feature.tsx';

/** In the order of the rail. */
export const features = [
  overview,
  topology,
  servers,
  arrays,
  replication,
  recovery,
  faults,
  events,
  configuration,
] as const;

/** Servers: the list, and one server with its log, its consistency points, its peers, its volumes and its power. */
export { CpTimeline } from './CpTimeline.tsx';
export { faultsOn, FaultNotes } from './FaultNotes.tsx';
export { ServerPage } from './ServerPage.tsx';
export { ServersPage } from './ServersPage.tsx';

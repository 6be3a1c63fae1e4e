/** Recovery: failover, reverse resync and failback with previews; the guided drill step by step, its verdicts and reports. */
export { LastDrill } from './LastDrill.tsx';
export { RecoveryPage } from './RecoveryPage.tsx';

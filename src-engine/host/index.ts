/**
 * Hosts of the lab. Here: the built-in workloads and their ledgers. Promises: the intent of every write is in the
 * ledger before the write is issued and its acknowledgement before it is counted; the content of every block tells by
 * itself what it is (`stamp.ts`); an audit therefore states exactly which acknowledged writes are lost, torn, stale or
 * misplaced, and never accuses wrongly: a block may hold any newer write that was issued but not acknowledged.
 */
export { audit, type AuditFinding, type AuditResult, type BlockTarget } from './audit.ts';
export { judge, type Verdict } from './judge.ts';
export { Ledger, type LedgerOptions, type LedgerProblem, type LedgerResult } from './ledger.ts';
export {
  defaultSettings,
  RequestSource,
  WORKLOAD_PROFILES,
  type Request,
  type WorkloadProfile,
  type WorkloadSettings,
} from './profile.ts';
export { BLOCK_BYTES, readBlock, stampBlock, type BlockContent, type Stamp } from './stamp.ts';
export { Workload, type WorkloadOptions, type WorkloadState, type WorkloadStatus } from './workload.ts';

/**
 * Coverage marks that a campaign of 1,000 seeds or more must reach: they prove that the rare places of the engine were
 * visited. Names are those of `covered(...)` in src-engine; shorter campaigns only print what they missed.
 */
import { CP_PHASES } from '../../src-engine/lab/server/index.ts';

export const REQUIRED_MARKS: readonly string[] = [
  ...CP_PHASES.map((phase) => `cp/${phase}`),
  'cp/back-to-back',
  'cp/covers-both-halves',
  'fracture-log/failed',
  'handshake/diverged',
  'handshake/rejoined',
  'handshake/strict-rejoined',
  'handshake/two-primaries-both',
  'handshake/two-primaries-nobody',
  'mirror-log/switched-halves',
  'mirror-log/trimmed',
  'mirror/confirmation-timeout',
  'mirror/fractured-admin',
  'mirror/fractured-link',
  'mirror/fractured-peer',
  'mirror/fractured-restart',
  'mirror/generation-opened',
  'mirror/strict-held',
  'nvlog/failed-sync',
  'nvlog/start-after-crash',
  'nvlog/torn-tail',
  'peer/connected',
  'pool/cleaner-moved-live-block',
  'pool/kept-root-release',
  'pool/label-shared',
  'pool/partial-stripe',
  'pool/partial-stripe-replayed',
  'pool/reconstruct',
  'pool/relabel',
  'pool/reserve-used',
  'pool/self-heal',
  'resync/bits-cleared',
  'resync/holes-made',
  'resync/interrupted',
  'resync/joined',
  'resync/pruned-by-birth',
  'resync/transition',
  'roles/demoted',
  'roles/promoted',
  'roles/rolled-back',
  'roles/swap-demoted',
  'roles/swap-promoted',
  'roles/yielded',
  'secondary/drained',
  'secondary/left',
  'server/primary-bias',
  'server/replayed',
];

export function missingMarks(reached: ReadonlyMap<string, number>): readonly string[] {
  return REQUIRED_MARKS.filter((mark) => !reached.has(mark));
}

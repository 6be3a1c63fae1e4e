/** What can happen to a relationship, and what has to be done besides changing its state (replication.md 3.4). */
import type { MirrorAction, Refusal, RelationshipView } from './types.ts';

export type Cause = 'link' | 'peer' | 'disk' | 'timeout' | 'overflow';

export type RelationshipEvent =
  /** `proof`: for an establish that assumes equal copies; 'none' copies everything. */
  | {
      readonly kind: 'action';
      readonly action: MirrorAction;
      readonly proof?: 'none' | 'unverified' | 'verified';
      readonly keep?: 'source' | 'destination';
    }
  | { readonly kind: 'sync-complete' }
  | { readonly kind: 'write-everywhere' }
  | { readonly kind: 'secondary-failed'; readonly cause: Cause }
  | { readonly kind: 'link-lost'; readonly cause: Cause }
  /** The handshake is done; it found nothing that forbids a resync. */
  | { readonly kind: 'link-back'; readonly equal: boolean }
  | { readonly kind: 'source-died' }
  | { readonly kind: 'rollback-complete' }
  | { readonly kind: 'old-primary-returned'; readonly wroteAlone: 'nobody' | 'old' | 'new' | 'both' }
  | { readonly kind: 'fork-found' }
  | { readonly kind: 'tracking-damaged'; readonly copies: 'one' | 'both' }
  | { readonly kind: 'quorum-lost'; readonly hosts: 'suspended' | 'erroring' }
  | { readonly kind: 'quorum-regained'; readonly newerGeneration: boolean }
  | { readonly kind: 'verify-found-differences'; readonly regions: number }
  | { readonly kind: 'volume-failed' }
  | { readonly kind: 'nvfail' }
  | { readonly kind: 'missed-write' };

export type Effect =
  | 'mark-all'
  | 'take-safety-snapshot-of-target'
  | 'release-safety-snapshot'
  | 'start-sync'
  | 'stop-sync'
  | 'pause-sync'
  | 'resume-sync'
  | 'exchange-marks'
  | 'adopt-generation'
  | 'append-fracture-record'
  | 'tell-peer'
  | 'acknowledge-hosts'
  | 'hold-hosts'
  | 'fail-hosts'
  | 'quiesce-hosts'
  | 'drain'
  | 'compare-digests'
  | 'swap-roles'
  | 'raise-role-epoch'
  | 'open-generation-at-first-write'
  | 'demote-old-primary'
  | 'roll-back-to-safety-snapshot'
  | 'keep-victim-as-snapshot'
  | 'mark-differences'
  | 'use-other-copy'
  | 'start-verify'
  | 'offer-rollback'
  | 'offer-resync'
  | 'delete-relationship';

export type Outcome =
  | { readonly kind: 'moved'; readonly state: RelationshipView; readonly effects: readonly Effect[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

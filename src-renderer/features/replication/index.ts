/** Relationships: the list, and one relationship with its images, state machine, actions, lag, marks and history. */
export { ActionSheet } from './ActionSheet.tsx';
export { MirrorTable } from './MirrorTable.tsx';
export { Pair } from './Pair.tsx';
export { RelationshipPage } from './RelationshipPage.tsx';
export { ReplicationPage } from './ReplicationPage.tsx';
export { refusalFor, useMirrorAction } from './mirror-action.ts';

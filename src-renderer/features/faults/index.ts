/** Break things on purpose: inject with a preview, see what is broken, heal one or all. */
export { kinds } from './fault-form.ts';
export { InjectSheet, type Asked } from './InjectSheet.tsx';
export { FaultsPage } from './FaultsPage.tsx';

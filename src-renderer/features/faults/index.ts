/** Break things on purpose: inject with a preview, see what is broken, heal one or all. */
export { FaultsPage } from './FaultsPage.tsx';

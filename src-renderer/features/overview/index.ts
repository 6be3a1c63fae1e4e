/** The first screen: is my data safe, could I fail over now, what would I lose? */
export { OverviewPage } from './OverviewPage.tsx';

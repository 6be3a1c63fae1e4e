/** The ordered stream of everything that happened, filtered, followed and scrolled without end. */
export { EventsPage } from './EventsPage.tsx';

/** What is wrong now; the bell and the overview show the same list. */
export { useAlerts, type Alert } from './alerts.ts';

/** Before there is a lab: create one, open one, or say why it does not open. */
export { FirstRunPage } from './FirstRunPage.tsx';

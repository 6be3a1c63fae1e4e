/** Arrays: the list, and one array with its shelf of disks, its pools and where its capacity goes. */
export { ArrayPage } from './ArrayPage.tsx';
export { ArraysPage } from './ArraysPage.tsx';

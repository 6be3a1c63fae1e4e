/** The map of the lab: sites, servers, arrays, links with their traffic, relationships with their direction. */
export { TopologyPage } from './TopologyPage.tsx';

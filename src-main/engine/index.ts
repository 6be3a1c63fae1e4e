/**
 * What both hosts and the command line share: an engine with at most one open lab, and the doors to it. Promises: every
 * door validates by the contract; nothing that arrives on one can throw into the process; failures that no procedure
 * declares are reported to the host's log and told to the caller without their inside.
 */
export * from './control-socket.ts';
export * from './door.ts';
export * from './engine.ts';
export * from './net.ts';
export * from './refusals.ts';

/**
 * The console's side of the contract: one connection (a port on the desktop, a socket elsewhere), one live store fed by the
 * stream of deltas, and queries for what is asked for. Figures of a lost connection stay visible but never pass for live.
 */
export { connect, rpc } from './connection.ts';
export { explain, refusalOf, SessionEndedError, type Client, type Transport } from './transport.ts';
export { applyLive, initialState, mergeById, useLive, type Connection, type Lists, type LiveState } from './store.ts';
export * from './queries.ts';

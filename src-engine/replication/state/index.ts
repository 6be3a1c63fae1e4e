/**
 * The decisions of replication, without any working part: states of an image, conditions, refusals, which action is
 * allowed, what an event does, and what two sides do when they meet. Everything here is a pure function of values, so
 * that it can be tested as a table, drawn by the console and asked by whoever acts. Normative source: replication.md 3.
 */
export * from './types.ts';
export { CATALOGUE, refuse, sizeText, type RefusalCode, type RefusalDetails } from './refusals.ts';
export { allowedActions, decideAction, syncDirection, type AllowedAction } from './actions.ts';
export { CONDITION_SEVERITY, describeConditions, type DescribedCondition } from './conditions.ts';
export { transition } from './transitions.ts';
export type { Cause, Effect, Outcome, RelationshipEvent } from './events.ts';
export { decideHandshake, heldOf, provenHeld, type HandshakePeer, type HandshakeSelf, type HandshakeStep } from './handshake.ts';
export { adoptGeneration, descendFrom, disownGeneration, openGeneration, writersOf, type Generation, type Writers } from './generation.ts';
export { describeMachine, type MachineState, type MachineTransition } from './machine.ts';

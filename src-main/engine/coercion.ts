// The successor of this plugin is in @orpc/json-schema, which is not a dependency of ours.
/* eslint-disable @typescript-eslint/no-deprecated */
import { experimental_ZodSmartCoercionPlugin as CoercionPlugin } from '@orpc/zod/zod4';
import type { Caller } from './engine.ts';

/** Query strings carry text only: brings `?limit=10` to the number that the input schema asks for. */
export const coercion = (): CoercionPlugin<Caller> => new CoercionPlugin<Caller>();

import { experimental_ZodSmartCoercionPlugin as CoercionPlugin } from '@orpc/zod/zod4';
import type { Caller } from './engine.ts';

/** Query strings carry text only: brings `?limit=10` to the number that the input schema asks for. */
export const coercion = (): CoercionPlugin<Caller> => new CoercionPlugin<Caller>();

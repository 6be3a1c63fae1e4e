/** Around every procedure: refusals are declared errors; every change is audited and, with a request id, carried out once. */
import { implement, ORPCError } from '@orpc/server';
import { contract, type ProcedureMeta } from '../../contract/index.ts';
import type { Lab } from '../lab.ts';
import { isOutOfSpace, Refused, refusalOf } from '../refused.ts';

/** Who asks; the door says it. */
export interface CallContext {
  readonly actor: string;
}

/** What the routes are built on. */
export type Procedures = ReturnType<typeof proceduresOf>;

export function proceduresOf(lab: Lab) {
  /** Changes under way, by request id: a retry that overtakes its first call waits for the same answer. */
  const underWay = new Map<string, Promise<unknown>>();

  return implement(contract)
    .$context<CallContext>()
    .use(async ({ context, next, path, procedure }, input: unknown, output) => {
      const meta: ProcedureMeta = procedure['~orpc'].meta;
      if (meta.readOnly !== false) {
        try {
          return await next();
        } catch (error) {
          throw declared(error);
        }
      }
      const name = path.join('.');
      const wallMs = lab.clock.wallMs();
      const plain = redact(input);
      const finish = (outcome: string): void => {
        if (!lab.closed)
          lab.catalog.appendAudit({ atMs: wallMs, actor: context.actor, procedure: name, input: plain, outcome });
      };
      const requestId = requestIdOf(input);
      const inputHash = requestId === null ? '' : JSON.stringify(plain);
      if (requestId !== null) {
        const running = underWay.get(requestId);
        if (running !== undefined) await running.catch(() => undefined); // its caller hears of the failure
        const known = lab.catalog.answer(requestId);
        if (known !== null) {
          if (known.procedure !== name || known.inputHash !== inputHash) {
            throw declared(new Refused(refusalOfReuse(requestId, known.procedure)));
          }
          return output(known.answer);
        }
      }
      const call = next();
      if (requestId !== null) underWay.set(requestId, Promise.resolve(call));
      try {
        const result = await call;
        finish('done');
        if (requestId !== null && !lab.closed)
          lab.catalog.rememberAnswer(requestId, name, inputHash, result.output, wallMs);
        return result;
      } catch (error) {
        const told = declared(error);
        finish(
          told instanceof ORPCError
            ? ((told.data as { code?: string } | undefined)?.code ?? String(told.code))
            : 'failed',
        );
        throw told;
      } finally {
        if (requestId !== null) underWay.delete(requestId);
      }
    });
}

/** The contract's one declared error for everything that was refused; bugs stay what they are. */
function declared(error: unknown): unknown {
  if (error instanceof ORPCError) return error;
  const coded =
    error instanceof Refused ||
    isOutOfSpace(error) ||
    (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string');
  if (!coded) return error;
  const data = refusalOf(error, 'lab/failed');
  return new ORPCError('REFUSED', { status: 409, message: data.message, data, defined: true });
}

function refusalOfReuse(requestId: string, procedure: string) {
  return {
    code: 'request/reused',
    message: `The request id ${requestId} was used for another ${procedure}.`,
    hint: 'Use a new id for a new request.',
    overridable: false,
    field: 'requestId',
  };
}

function requestIdOf(input: unknown): string | null {
  if (typeof input !== 'object' || input === null || !('requestId' in input)) return null;
  return typeof input.requestId === 'string' ? input.requestId : null;
}

/** The input for the audit log: content is named by its length only. */
function redact(input: unknown): unknown {
  if (typeof input !== 'object' || input === null) return input ?? null;
  return Object.fromEntries(
    Object.entries(input).map(([key, value]) => [
      key,
      key === 'dataBase64' && typeof value === 'string'
        ? `${value.length} characters, ${sumOf(value)}`
        : (value as unknown),
    ]),
  );
}

/** Tells two contents of equal length apart in the record of an idempotent request; no protection against intent. */
function sumOf(text: string): number {
  let sum = 7;
  for (let i = 0; i < text.length; i += 1) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) | 0;
  return sum >>> 0;
}

import type { UseMutationResult } from '@tanstack/react-query';
import type { Job, Mirror, MirrorAction, Refusal, SideName } from '../../../src-engine/contract/index.ts';
import { requestId, rpc, useAction } from '../../client/index.ts';

export interface ActionRequest {
  mirror: string;
  action: MirrorAction;
  confirm: string | undefined;
  keep: SideName;
}

function act({ mirror, action, confirm, keep }: ActionRequest): Promise<Job> {
  const input = { mirror, requestId: requestId(), ...(confirm === undefined ? {} : { confirm }) };
  if (action === 'failover') return rpc().mirror.failover({ ...input, force: true });
  if (action === 'resolve') return rpc().mirror.resolve({ ...input, keep });
  return rpc().mirror[action](input);
}

export function useMirrorAction(): UseMutationResult<Job, Error, ActionRequest> {
  return useAction(act);
}

/** The engine's refusal of an action in the present state; null where it is allowed. */
export function refusalFor(mirror: Mirror, action: MirrorAction): Refusal | null {
  return mirror.actions.find((one) => one.action === action)?.refusal ?? null;
}

/** Those that overwrite, discard or force something: they wear the warning colour. */
export const dangerous: ReadonlySet<MirrorAction> = new Set([
  'establish',
  'failover',
  'overwrite-primary',
  'rollback',
  'resolve',
  'delete',
]);

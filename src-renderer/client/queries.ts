import { useMutation, useQuery, type UseMutationResult, type UseQueryResult } from '@tanstack/react-query';
import type {
  LagSeries,
  LabInfo,
  Mirror,
  MirrorAction,
  MirrorHistory,
  MirrorPreview,
  Series,
  ServerDetail,
  SideName,
  StateMachine,
} from '../../src-engine/contract/index.ts';
import { rpc } from './connection.ts';
import { useLive } from './store.ts';

/** Everything under `lab` is asked again when the event stream moves on. */
export function useLabInfo(): UseQueryResult<LabInfo> {
  const ready = useLive((state) => state.ready);
  return useQuery({ queryKey: ['lab', 'info'], queryFn: () => rpc().lab.info({}), enabled: ready });
}

export function useMirrorByName(name: string): Mirror | undefined {
  return useLive((state) => state.mirrors.find((mirror) => mirror.name === name || mirror.id === name));
}

export function useStateMachine(): UseQueryResult<StateMachine> {
  return useQuery({
    queryKey: ['static', 'state-machine'],
    queryFn: () => rpc().mirror.stateMachine({}),
    staleTime: Infinity,
  });
}

export function useMirrorHistory(mirror: string): UseQueryResult<MirrorHistory[]> {
  return useQuery({
    queryKey: ['lab', 'mirror-history', mirror],
    queryFn: () => rpc().mirror.history({ mirror, limit: 200 }),
  });
}

export function useLagSeries(mirror: string, windowSeconds: number): UseQueryResult<LagSeries> {
  return useQuery({
    queryKey: ['lab', 'lag', mirror, windowSeconds],
    queryFn: () => rpc().mirror.lagSeries({ mirror, windowSeconds }),
    refetchInterval: 1000,
  });
}

/** Of one server or one volume; of the whole lab without a scope. */
export function useSeries(
  windowSeconds: number,
  scope: { server: string } | { volume: string } | Record<string, never> = {},
): UseQueryResult<Series> {
  return useQuery({
    queryKey: ['lab', 'series', windowSeconds, scope],
    queryFn: () => rpc().metrics.series({ windowSeconds, ...scope }),
    refetchInterval: 1000,
  });
}

export function useServerDetail(server: string | null): UseQueryResult<ServerDetail> {
  return useQuery({
    queryKey: ['lab', 'server', server],
    queryFn: () => rpc().server.show({ server: server ?? '' }),
    enabled: server !== null,
    refetchInterval: 1000,
  });
}

export function useMirrorPreview(mirror: string, action: MirrorAction, keep?: SideName): UseQueryResult<MirrorPreview> {
  return useQuery({
    queryKey: ['lab', 'preview', mirror, action, keep ?? null],
    queryFn: () => rpc().mirror.preview({ mirror, action, ...(keep === undefined ? {} : { keep }) }),
    gcTime: 0,
  });
}

/** A retry of the same click must not act twice: one id per click. */
export function requestId(): string {
  return crypto.randomUUID();
}

/** Pages ask for a change through this; what was refused comes back as the mutation's error. */
export function useAction<Input, Output>(
  act: (input: Input) => Promise<Output>,
): UseMutationResult<Output, Error, Input> {
  return useMutation<Output, Error, Input>({ mutationFn: act });
}

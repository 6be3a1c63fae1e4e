/** Mirrors: what they are, and every action on them. */
import type { MirrorAction } from '../../contract/index.ts';
import { describeMachine } from '../../replication/index.ts';
import type { Lab } from '../lab.ts';
import { refuse } from '../refused.ts';
import { PAGE, WINDOW_SECONDS } from './paging.ts';
import type { Procedures } from './procedures.ts';

export function mirrorRoutes(os: Procedures, lab: Lab) {
  const { topology } = lab;
  const mirrorOf = (ref: string) => topology.mirrors.find(ref);
  const plainAction =
    (action: MirrorAction) =>
    (options: { readonly input: { readonly mirror: string; readonly confirm?: string | undefined } }) =>
      lab.mirrors.act(mirrorOf(options.input.mirror), action, { confirm: options.input.confirm });

  return {
    mirror: {
      list: os.mirror.list.handler(() => topology.mirrors.list().map((mirror) => lab.mirrors.present(mirror))),
      show: os.mirror.show.handler(({ input }) => lab.mirrors.present(mirrorOf(input.mirror))),
      create: os.mirror.create.handler(async ({ input }) =>
        lab.mirrors.present(
          await lab.mirrors.create({
            ...input,
            policy: input.policy ?? lab.labSettings.values.mirrorPolicy,
            recovery: input.recovery ?? lab.labSettings.values.mirrorRecovery,
            source: topology.volumes.find(input.source),
            destination: topology.volumes.find(input.destination),
          }),
        ),
      ),
      preview: os.mirror.preview.handler(({ input }) =>
        lab.mirrors.preview(mirrorOf(input.mirror), input.action, input.keep),
      ),
      history: os.mirror.history.handler(({ input }) =>
        lab.mirrors.history.of(mirrorOf(input.mirror), input.limit ?? PAGE),
      ),
      stateMachine: os.mirror.stateMachine.handler(() => {
        const { states, transitions } = describeMachine();
        return { states: [...states], transitions: [...transitions] };
      }),
      lagSeries: os.mirror.lagSeries.handler(({ input }) =>
        lab.mirrors.history.lagSeries(mirrorOf(input.mirror), input.windowSeconds ?? WINDOW_SECONDS),
      ),
      establish: os.mirror.establish.handler(plainAction('establish')),
      resync: os.mirror.resync.handler(plainAction('resync')),
      fracture: os.mirror.fracture.handler(plainAction('fracture')),
      pause: os.mirror.pause.handler(plainAction('pause')),
      resume: os.mirror.resume.handler(plainAction('resume')),
      switchover: os.mirror.switchover.handler(plainAction('switchover')),
      failover: os.mirror.failover.handler(({ input }) => {
        if (input.force !== true)
          refuse(
            'mirror/force-required',
            'Failover is for a lost source and has to be forced.',
            'Use switchover where both sides are up; otherwise say force.',
            { field: 'force' },
          );
        return lab.mirrors.act(mirrorOf(input.mirror), 'failover', { confirm: input.confirm, force: true });
      }),
      'reverse-resync': os.mirror['reverse-resync'].handler(plainAction('reverse-resync')),
      failback: os.mirror.failback.handler(plainAction('failback')),
      'overwrite-primary': os.mirror['overwrite-primary'].handler(plainAction('overwrite-primary')),
      rollback: os.mirror.rollback.handler(plainAction('rollback')),
      resolve: os.mirror.resolve.handler(({ input }) =>
        lab.mirrors.act(mirrorOf(input.mirror), 'resolve', { confirm: input.confirm, keep: input.keep }),
      ),
      verify: os.mirror.verify.handler(plainAction('verify')),
      delete: os.mirror.delete.handler(plainAction('delete')),
    },
  };
}

import type { Prng } from '../../src-engine/runtime/simulated/index.ts';
import type { Campaign, Subject } from './campaign.ts';

/** Both sides are equal, connected and serving, and nothing is under way. */
export function atRest(subject: Subject): boolean {
  if (subject.relationshipId === null) return subject.site(0).serving;
  if (!subject.site(0).serving || !subject.site(1).serving) return false;
  const [a, b] = [subject.status(0), subject.status(1)];
  if (a === undefined && b === undefined) return true;
  if (a === undefined || b === undefined) return false;
  if (!a.connected || !b.connected || a.role === b.role || a.resync !== null || b.resync !== null) return false;
  if (a.imageState !== 'Synchronized' || b.imageState !== 'Synchronized') return false;
  const side = a.role === 'primary' ? 0 : 1;
  const volume = subject.site(side).server?.volumes().find((v) => v.id === subject.volumeId(side));
  return volume?.state === 'online' && subject.model.inSyncFrom === side;
}

export function describe(subject: Subject): string {
  return [0, 1].slice(0, subject.sites.length).map((side) => {
    const site = subject.site(side);
    const status = subject.status(side);
    const volume = site.server?.volumes().find((v) => v.id === subject.volumeId(side));
    const state = site.server?.status().state;
    return `${site.id} ${site.state}/${state === undefined ? '-' : state.kind} ${status === undefined ? 'no relationship' : `${status.role} epoch ${String(status.roleEpoch)} ${status.imageState}${status.connected ? '' : ' unconnected'}${status.resync === null ? '' : ` resync ${status.resync.paused ? 'paused ' : ''}${String(status.resync.regionsDone)}/${String(status.resync.regionsTotal)}`} dirty ${String(status.fractureLog.dirty)} [${status.conditions.map((c) => c.code).join(' ')}]`} volume ${volume?.state ?? '-'}${volume?.stateReason == null ? '' : ` (${volume.stateReason})`}`;
  }).join(' | ');
}

/**
 * What a sensible admin does next to get a pair back to rest: the first action that the server itself says is possible.
 * `patient`: only what asks for an admin; otherwise also a full sync.
 */
export function repair(campaign: Campaign, subject: Subject, random: Prng, patient: boolean): void {
  if (subject.relationshipId === null) return;
  const statuses = [subject.status(0), subject.status(1)];
  const wishes = [
    'resume', 'resolve', 'reverse-resync', 'resync',
    ...(patient ? [] : ['establish', 'rollback', 'failback', 'switchover', 'failover']),
  ];
  for (const action of wishes) {
    const sides = random.chance(0.5) ? [0, 1] : [1, 0];
    for (const side of sides) {
      const status = statuses[side];
      if (status === undefined) continue;
      if (action !== 'failover' && action !== 'rollback' && action !== 'resolve' && status.role !== 'primary') continue;
      if (action === 'failover' && status.role === 'primary') continue;
      if ((action === 'failback' || action === 'switchover') && statuses.some((s) => s?.role === 'primary')) continue;
      const offered = status.actions.find((a) => a.action === action);
      if (offered?.allowed !== true) continue;
      if ((action === 'resync' || action === 'reverse-resync') && (status.imageState === 'Synchronized' || (status.resync !== null && !status.resync.paused))) continue;
      if (action === 'establish' && (status.imageState === 'Synchronized' || status.resync !== null)) continue;
      campaign.act(subject, side, action, { confirmed: true, force: true, keep: random.pick(['source', 'destination'] as const) });
      return;
    }
  }
}

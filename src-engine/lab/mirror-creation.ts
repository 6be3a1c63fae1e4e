/** What a new mirror would do, said before it is made. */
import type { MirrorCreationPreview } from '../contract/index.ts';
import type { Lab } from './lab.ts';
import type { MirrorSpec } from './mirrors.ts';
import { refusalOfCheck, verdict } from './pool-plan.ts';
import { refuse } from './refused.ts';
import type { VolumeRecord } from './topology.ts';

export function previewMirrorCreation(
  lab: Lab,
  spec: Omit<MirrorSpec, 'name' | 'confirm'> & { readonly name?: string | undefined },
): MirrorCreationPreview {
  const { topology, volumes, labSettings } = lab;
  const { source, destination } = spec;
  const side = (volume: VolumeRecord) => ({
    volume: volume.name,
    site: topology.siteOfVolume(volume).name,
    sizeBytes: volume.sizeBytes,
    usedBytes: volumes.status(volume)?.usedBytes ?? 0,
  });
  const [from, to] = [side(source), side(destination)];
  const link = topology.linkBetween(topology.siteOfVolume(source).id, topology.siteOfVolume(destination).id);
  const assumeEqual = spec.assumeEqual === true;
  const refusal = refusalOfCheck(() => {
    if (spec.name !== undefined) topology.mirrors.checkName(spec.name);
    lab.mirrors.refuseImpossible(spec);
    const units = [source, destination].map((volume) => volumes.unit(volume));
    for (const unit of units) unit.need();
    if (link === undefined || lab.views.link(link).state === 'cut')
      refuse(
        'R05',
        `${from.site} and ${to.site} ${link === undefined ? 'are not joined by a link' : `cannot reach each other: ${link.name} is cut`}.`,
        link === undefined ? 'Create a link between the sites.' : 'Restore the connection, then try again.',
        { field: 'destination' },
      );
  });
  const bytesToCopy = assumeEqual ? 0 : from.usedBytes;
  const rates = [
    link === undefined ? null : lab.views.link(link).bandwidthBytesPerSecond,
    labSettings.values.resyncBytesPerSecond,
  ].filter((rate): rate is number => rate !== null && rate > 0);
  const name = spec.name ?? 'NAME';
  return {
    ...verdict(refusal),
    needsConfirmation: assumeEqual,
    steps: assumeEqual
      ? [
          'Both volumes are declared equal; nothing is compared or copied.',
          `${to.volume} serves hosts no longer: it is the copy of ${from.volume}. Run verify afterwards.`,
        ]
      : [
          `${to.volume} serves hosts no longer: it becomes the copy of ${from.volume}, and what it holds now is overwritten.`,
          `Every block is compared; what differs is copied from ${from.site} to ${to.site}. Hosts of ${from.volume} go on.`,
          'Until that is done the copy cannot take over.',
        ],
    source: from,
    destination: to,
    bytesToCopy,
    bytesOverwritten: assumeEqual ? 0 : to.usedBytes,
    link: link?.name ?? null,
    expectedSeconds: rates.length === 0 ? null : bytesToCopy / Math.min(...rates),
    command: `lockstep mirror create ${name} --source ${from.volume} --destination ${to.volume}${spec.policy === undefined ? '' : ` --policy ${spec.policy}`}${spec.recovery === undefined ? '' : ` --recovery ${spec.recovery}`}${assumeEqual ? ' --assume-equal --yes' : ''}`,
  };
}

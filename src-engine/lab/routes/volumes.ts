/** Volumes and their content. */
import { fromBase64, toBase64 } from '../base64.ts';
import { confirmed } from '../confirmation.ts';
import type { Lab } from '../lab.ts';
import { refuse } from '../refused.ts';
import type { Procedures } from './procedures.ts';

export function volumeRoutes(os: Procedures, lab: Lab) {
  const { topology } = lab;
  return {
    volume: {
      list: os.volume.list.handler(() => topology.volumes.list().map((volume) => lab.volumes.present(volume))),
      show: os.volume.show.handler(({ input }) => lab.volumes.present(topology.volumes.find(input.volume))),
      create: os.volume.create.handler(async ({ input }) =>
        lab.volumes.present(await lab.volumes.create(input.name, topology.pools.find(input.pool), input.sizeBytes)),
      ),
      grow: os.volume.grow.handler(async ({ input }) =>
        lab.volumes.present(await lab.volumes.grow(topology.volumes.find(input.volume), input.sizeBytes)),
      ),
      delete: os.volume.delete.handler(async ({ input }) => {
        const { id, name } = topology.volumes.find(input.volume);
        await lab.volumes.delete(topology.volumes.get(id), input.confirm);
        return { id, name };
      }),
      acknowledge: os.volume.acknowledge.handler(async ({ input }) => {
        const volume = topology.volumes.find(input.volume);
        const lost = lab.volumes.status(volume)?.stateReason ?? '';
        if (!lost.includes('acknowledge'))
          refuse('volume/nothing-lost', `${volume.name} has no loss to acknowledge.`, 'There is nothing to do.', {
            field: 'volume',
          });
        confirmed('volume', volume.name, input.confirm, `${volume.name}: ${lost}. It would serve with what is left.`);
        await lab.volumes.unit(volume).ask((face) => face.acknowledge(volume.id));
        return lab.volumes.present(volume);
      }),
      checksum: os.volume.checksum.handler(({ input }) => lab.content.checksum(topology.volumes.find(input.volume))),
      read: os.volume.read.handler(async ({ input }) => {
        const { data, cp, sequence } = await lab.content.read(
          topology.volumes.find(input.volume),
          input.offset,
          input.length,
        );
        return { dataBase64: toBase64(data), cp, sequence };
      }),
      write: os.volume.write.handler(({ input }) => {
        const data = fromBase64(input.dataBase64);
        if (data === null)
          refuse('volume/bad-data', 'The data are not base64.', 'Encode them as in RFC 4648.', { field: 'dataBase64' });
        return lab.content.write(topology.volumes.find(input.volume), input.offset, data);
      }),
      import: os.volume.import.handler(({ input }) =>
        lab.transfer.import(topology.volumes.find(input.volume), input.path),
      ),
      export: os.volume.export.handler(({ input }) =>
        lab.transfer.export(topology.volumes.find(input.volume), input.path, input.overwrite ?? false),
      ),
    },
  };
}

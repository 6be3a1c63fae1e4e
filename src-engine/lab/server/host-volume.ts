import { VolumeError } from '../../volume/index.ts';
import type { Holdings } from './holdings.ts';
import type { HostVolume } from './types.ts';

/**
 * A volume as a host sees it. Writes are admitted by the volume's gate; reads ask it here: before both sides of a mirror
 * have met, writes that only the other side holds may still be taken over, and nobody may have seen the block without them.
 */
export function openHostVolume(held: Holdings, volumeId: string): HostVolume {
  const volume = held.volumeOf(volumeId);
  const readable = (): void => {
    // A volume that only waits for room can be read.
    if (
      volume.gate.kind === 'closed' &&
      !(volume.gate.code === 'volume/suspended' && held.state.kind === 'suspended' && held.state.inPlace === true)
    )
      throw new VolumeError(volume.gate.code, volume.gate.message);
  };
  return {
    id: volumeId,
    get sizeBytes(): number {
      return volume.sizeBytes;
    },
    read: async (offset, length) => {
      while (volume.readsWait) await volume.readable();
      readable();
      return volume.read(offset, length);
    },
    write: (offset, data) => volume.write(offset, data),
    trim: (offset, length) => volume.trim(offset, length),
    zero: (offset, length) => volume.zero(offset, length),
  };
}

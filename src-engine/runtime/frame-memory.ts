import { assert } from './types.ts';

const MIB = 1024 * 1024;
const LEAST_BYTES = MIB;
const LARGEST_BYTES = 16 * MIB;
/** What is kept for later frames. */
const KEPT_BYTES = 32 * MIB;
/** A frame takes memory of up to so many times its length. */
const MOST_TIMES = 1.25;

/**
 * Memory of large frames. Those that their receiver gives back are used again: memory fresh from the system is zeroed
 * first, and a megabyte of it per frame makes the collector run. A frame that never comes back is the collector's.
 */
export class FrameMemory {
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #free: ArrayBuffer[] = [];
  #freeBytes = 0;

  /** One owned `Uint8Array` of the parts. */
  copyOf(parts: readonly Uint8Array[]): Uint8Array {
    let length = 0;
    for (const part of parts) length += part.length;
    const whole = new Uint8Array(length < LEAST_BYTES || length > LARGEST_BYTES ? unzeroed(length) : this.#take(length), 0, length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /** Anything else than a frame of this memory is ignored, and so is one that was given back before. */
  release(frame: ArrayBufferLike): void {
    if (!(frame instanceof ArrayBuffer) || !this.#lent.delete(frame)) return;
    if (this.#freeBytes + frame.byteLength > KEPT_BYTES) return;
    this.#free.push(frame);
    this.#freeBytes += frame.byteLength;
  }

  #take(length: number): ArrayBuffer {
    const at = this.#free.findLastIndex(({ byteLength }) => byteLength >= length && byteLength <= length * MOST_TIMES);
    const [known] = at < 0 ? [] : this.#free.splice(at, 1);
    if (known !== undefined) this.#freeBytes -= known.byteLength;
    const buffer = known ?? unzeroed(length);
    this.#lent.add(buffer);
    return buffer;
  }
}

/** Memory of its own (never a part of a shared slab) that is about to be written whole. */
function unzeroed(length: number): ArrayBuffer {
  const { buffer } = Buffer.allocUnsafeSlow(length);
  assert(buffer instanceof ArrayBuffer, 'a slow buffer has memory of its own');
  return buffer;
}

/**
 * The digest of a consistency point: sum modulo 2^64 of a mixed hash of (VBN, CRC) over the blocks it changed. Both
 * sides compute it from what they hold; the order of the blocks does not matter (layout.md, "Mirrors").
 */
export class CpDigest {
  private low = 0;
  private high = 0;
  count = 0;

  add(vbn: number, crc: number): void {
    const a = mix(vbn ^ Math.imul(crc, 0x9e3779b1));
    const b = mix(crc ^ Math.imul(vbn, 0x85ebca6b) ^ 0x27d4eb2f);
    const low = this.low + (a >>> 0);
    this.low = low >>> 0;
    this.high = (this.high + (b >>> 0) + (low > 0xffffffff ? 1 : 0)) >>> 0;
    this.count++;
  }

  /** 16 hexadecimal digits and the count. */
  toString(): string {
    return `${this.high.toString(16).padStart(8, '0')}${this.low.toString(16).padStart(8, '0')}/${String(this.count)}`;
  }
}

/** Finalizer of MurmurHash3 (32 bit). */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

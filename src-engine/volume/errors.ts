/** Why a host's request failed. Maps to a protocol's errno (interfaces.md, "Host protocols"). */
export type VolumeErrorCode =
  | 'volume/not-owner'
  | 'volume/suspended'
  | 'volume/offline'
  | 'volume/media-error'
  | 'volume/out-of-range'
  | 'volume/read-only'
  | 'volume/no-space'
  | 'volume/mirror-timeout';

export class VolumeError extends Error {
  readonly code: VolumeErrorCode;
  constructor(code: VolumeErrorCode, message: string) {
    super(message);
    this.name = 'VolumeError';
    this.code = code;
  }
}

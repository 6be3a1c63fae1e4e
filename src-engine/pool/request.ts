import type { JsonObject, KeptPurpose, NewVolume, VolumeRecord } from './types.ts';
import { EMPTY_ROOT, PoolRequestError } from './types.ts';
import type { StoredRecord } from './records.ts';
import { encodeRecord } from './records.ts';
import type { Stage } from './stage.ts';

/** One change of the pool, all or nothing. Order of effect: create, remove, resize, release, rollback, keep before, stages, keep after, attributes. */
export interface CommitRequest {
  /** Finished stages; closed by the commit. */
  readonly stages?: readonly Stage[];
  readonly create?: readonly NewVolume[];
  readonly remove?: readonly string[];
  /** Growing only. */
  readonly resize?: readonly { readonly volumeId: string; readonly sizeBlocks: number }[];
  /** `update` sees the record as the rest of the request leaves it; must be pure. */
  readonly attributes?: readonly { readonly volumeId: string; readonly update: (record: VolumeRecord) => JsonObject }[];
  readonly keep?: readonly { readonly volumeId: string; readonly name: string; readonly purpose: KeptPurpose; readonly which: 'before' | 'after' }[];
  readonly release?: readonly { readonly volumeId: string; readonly name: string }[];
  /** Swings the root back to the newest kept root, which stays kept. */
  readonly rollback?: readonly { readonly volumeId: string; readonly to: string }[];
}

/** Refuses (PoolRequestError) what cannot be done to these records; afterwards nothing in the request can fail but I/O. */
export function validateRequest(request: CommitRequest, records: ReadonlyMap<string, StoredRecord>, openStage: (volumeId: string) => Stage | null): void {
  const known = new Set(records.keys());
  for (const { id } of request.create ?? []) {
    if (known.has(id)) throw new PoolRequestError('volume-exists', `volume ${id} exists`);
    known.add(id);
  }
  const removed = new Set<string>();
  const must = (id: string): void => {
    if (!known.has(id) || removed.has(id)) throw new PoolRequestError('no-such-volume', `no volume ${id}`);
  };
  for (const id of request.remove ?? []) {
    must(id);
    if (openStage(id) !== null) throw new PoolRequestError('stage-open', `volume ${id} has an open stage`);
    removed.add(id);
  }
  for (const { volumeId, sizeBlocks } of request.resize ?? []) {
    must(volumeId);
    if (sizeBlocks < (records.get(volumeId)?.sizeBlocks ?? 0)) throw new PoolRequestError('shrink', `volume ${volumeId} cannot shrink`);
  }
  for (const { volumeId } of request.attributes ?? []) must(volumeId);
  const staged = new Set<string>();
  for (const stage of request.stages ?? []) {
    must(stage.volumeId);
    if (stage.state !== 'finished') throw new PoolRequestError('not-finished', `the stage of ${stage.volumeId} is ${stage.state}`);
    staged.add(stage.volumeId);
  }
  const names = new Map<string, string[]>();
  const namesOf = (id: string): string[] => {
    let list = names.get(id);
    if (list === undefined) {
      list = (records.get(id)?.keptRoots ?? []).map((kept) => kept.name);
      names.set(id, list);
    }
    return list;
  };
  for (const { volumeId, name } of request.release ?? []) {
    must(volumeId);
    const list = namesOf(volumeId);
    const at = list.indexOf(name);
    if (at < 0) throw new PoolRequestError('no-such-root', `volume ${volumeId} keeps no root ${name}`);
    list.splice(at, 1);
  }
  for (const { volumeId, to } of request.rollback ?? []) {
    must(volumeId);
    if (openStage(volumeId) !== null) throw new PoolRequestError('stage-open', `volume ${volumeId} has an open stage`);
    const list = namesOf(volumeId);
    if (!list.includes(to)) throw new PoolRequestError('no-such-root', `volume ${volumeId} keeps no root ${to}`);
    if (list.at(-1) !== to) throw new PoolRequestError('not-newest', `${to} is not the newest kept root of ${volumeId}`);
  }
  for (const { volumeId, name } of request.keep ?? []) {
    must(volumeId);
    const list = namesOf(volumeId);
    if (list.includes(name)) throw new PoolRequestError('root-exists', `volume ${volumeId} keeps a root ${name} already`);
    list.push(name);
  }
  // Attributes and kept roots must fit: try with what is known now, numbers at their widest.
  for (const volumeId of known) {
    const record = records.get(volumeId);
    const created = request.create?.find((volume) => volume.id === volumeId);
    const base = record ?? (created === undefined ? null : newRecord(created, 0, 0));
    const keeps = (request.keep ?? []).filter((keep) => keep.volumeId === volumeId).length;
    const updates = (request.attributes ?? []).filter((change) => change.volumeId === volumeId);
    if (base === null || removed.has(volumeId) || (keeps === 0 && updates.length === 0 && created === undefined)) continue;
    let trial: StoredRecord = { ...base, name: base.name + ' '.repeat(keeps * 512 + 256) };
    for (const change of updates) trial = { ...trial, attributes: change.update(trial) };
    if (encodeRecord(trial) === null) throw new PoolRequestError('record-too-large', `the record of volume ${volumeId} would be larger than four blocks`);
  }
}

export function newRecord(volume: NewVolume, tableSlot: number, cp: number): StoredRecord {
  return {
    id: volume.id,
    name: volume.name,
    sizeBlocks: volume.sizeBlocks,
    policy: volume.policy,
    root: EMPTY_ROOT,
    usedBlocks: 0,
    cp,
    lineStart: 0,
    attributes: volume.attributes,
    keptRoots: [],
    tableSlot,
  };
}

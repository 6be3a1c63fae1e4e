/**
 * Every array keeps a copy of the topology beside its data, so that a lost catalog is rebuilt from the arrays alone
 * (scenario 71). The valid copy with the highest number wins; a copy is replaced atomically.
 */
import { decodeEnvelope, encodeEnvelope, ENVELOPE_HEAD_BYTES } from '../disk/index.ts';
import type { Storage } from '../runtime/index.ts';
import { readSmallFile, writeSmallFile } from './small-file.ts';
import { topologySchema, type TopologyDocument } from './topology.ts';

const MAGIC = 'LSTOPOLO';
const VERSION = 1;
const FILE = 'shared/topology';

export interface TopologyCopy {
  /** Grows with every change. */
  readonly number: number;
  readonly document: TopologyDocument;
}

export interface CopyProblem {
  readonly file: string;
  readonly offset: number;
  readonly expected: string;
  readonly found: string;
}

export async function writeTopologyCopy(array: Storage, copy: TopologyCopy): Promise<void> {
  const payload = new TextEncoder().encode(JSON.stringify(copy));
  await writeSmallFile(array, FILE, encodeEnvelope(MAGIC, VERSION, payload, payload.byteLength + ENVELOPE_HEAD_BYTES));
}

/** The newest readable copy among all arrays that have files below `arrays/`, whatever a catalog knows of them. */
export async function bestTopologyCopy(
  storage: Storage,
  arrayStorage: (name: string) => Storage,
): Promise<{ readonly best: TopologyCopy | null; readonly arrays: number }> {
  const names = new Set((await storage.list('arrays/')).map((path) => path.split('/')[1] ?? ''));
  let best: TopologyCopy | null = null;
  for (const name of names) {
    const copy = await readTopologyCopy(arrayStorage(name));
    if (copy !== null && 'number' in copy && (best === null || copy.number > best.number)) best = copy;
  }
  return { best, arrays: names.size };
}

/** Null when the array has none. */
export async function readTopologyCopy(array: Storage): Promise<TopologyCopy | CopyProblem | null> {
  if (!(await array.exists(FILE))) return null;
  const envelope = decodeEnvelope(await readSmallFile(array, FILE), MAGIC, VERSION);
  switch (envelope.kind) {
    case 'empty':
      return { file: FILE, offset: 0, expected: `magic ${MAGIC}`, found: 'zeros' };
    case 'damaged':
      return { file: FILE, offset: 0, expected: envelope.expected, found: envelope.found };
    case 'newer':
      return { file: FILE, offset: 8, expected: `version ${VERSION}`, found: `version ${envelope.version}` };
    case 'ok': {
      const parsed = JSON.parse(new TextDecoder().decode(envelope.payload)) as { number?: unknown; document?: unknown };
      const document = topologySchema.safeParse(parsed.document);
      if (!document.success || typeof parsed.number !== 'number') {
        return {
          file: FILE,
          offset: ENVELOPE_HEAD_BYTES,
          expected: 'a topology',
          found: document.success ? 'no number' : document.error.message,
        };
      }
      return { number: parsed.number, document: document.data };
    }
  }
}

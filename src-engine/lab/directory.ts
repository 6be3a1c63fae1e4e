/** The lab's own file, `lab.json`: who the lab is and which format its directory has. */
import type { Storage } from '../runtime/index.ts';
import { z } from 'zod';
import { refuse } from './refused.ts';
import { readSmallFile, writeSmallFile } from './small-file.ts';

export const LAB_FORMAT = 1;
const FILE = 'lab.json';
const BACKUP = 'backups/lab.json';

const labFileSchema = z.object({
  format: z.literal(LAB_FORMAT),
  id: z.string().min(1),
  name: z.string().min(1),
  demo: z.string().nullable(),
  createdAtMs: z.number(),
});
export type LabFile = z.infer<typeof labFileSchema>;

/** Each takes the parsed file of format index to index + 1. Format 0 had no id and called its birth `created`. */
const MIGRATIONS: readonly ((file: Record<string, unknown>, newId: () => string) => Record<string, unknown>)[] = [
  (file, newId) => ({
    format: 1,
    id: newId(),
    name: file['name'] ?? 'lab',
    demo: file['demo'] ?? null,
    createdAtMs: file['created'] ?? 0,
  }),
];

export async function writeLabFile(storage: Storage, file: LabFile): Promise<void> {
  await writeSmallFile(storage, FILE, encode(file));
}

/** A copy where the hint of a damaged `lab.json` sends people. */
export async function backUpLabFile(storage: Storage, file: LabFile): Promise<void> {
  if (await storage.exists(BACKUP)) return;
  await writeSmallFile(storage, BACKUP, encode(file));
}

const encode = (file: LabFile): Uint8Array => new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`);

export interface LabFileOpening {
  readonly file: LabFile;
  /** Set when the directory had an older format: which, and where its copy is. */
  readonly migrated: { readonly from: number; readonly backup: string } | null;
}

/** Reads and, where older, migrates after a backup. Refuses newer formats and damage, and changes nothing then. */
export async function readLabFile(storage: Storage, newId: () => string, wallMs: number): Promise<LabFileOpening> {
  if (!(await storage.exists(FILE)))
    refuse('lab/not-found', 'There is no lab in this directory.', 'Create one with lab create.');
  const bytes = await readSmallFile(storage, FILE);
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    parsed = null;
  }
  const format =
    typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>)['format'] : undefined;
  if (typeof format !== 'number' || !Number.isInteger(format) || format < 0) damaged('a JSON object with a format');
  if (format > LAB_FORMAT) {
    refuse(
      'lab/newer-format',
      `This lab has format ${format}; this program knows formats up to ${LAB_FORMAT}. Nothing was changed.`,
      'Open it with the program that made it, or a newer one.',
      {
        details: { file: FILE, found: format, known: LAB_FORMAT },
      },
    );
  }
  let file = parsed as Record<string, unknown>;
  let migrated: LabFileOpening['migrated'] = null;
  if (format < LAB_FORMAT) {
    const backup = `backups/lab-format-${format}-${Math.floor(wallMs)}.json`;
    await writeSmallFile(storage, backup, bytes);
    for (const migrate of MIGRATIONS.slice(format)) file = migrate(file, newId);
    migrated = { from: format, backup };
  }
  const valid = labFileSchema.safeParse(file);
  if (!valid.success)
    damaged(valid.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
  if (migrated !== null) await writeLabFile(storage, valid.data);
  return { file: valid.data, migrated };
}

function damaged(expected: string): never {
  refuse(
    'lab/damaged',
    `${FILE} cannot be read: expected ${expected}.`,
    `Copy ${BACKUP} to ${FILE}; the data of the lab are in arrays/ and untouched.`,
    {
      details: { file: FILE, offset: 0, expected },
    },
  );
}

/** What can be set of a lab. Each value has bounds; running servers use a new one from their next need of it on. */
import { z } from 'zod';

export const labSettingsSchema = z.strictObject({
  /** A consistency point at least so often. */
  cpIntervalMs: z.number().int().min(100).max(120_000),
  /** How long a restarted owner of a mirrored volume waits for the other side before it serves by primary bias. */
  peerWaitMs: z.number().int().min(0).max(600_000),
  /** A mirror with policy `availability` fractures after so long without progress. */
  mirrorTimeoutMs: z.number().int().min(500).max(60_000),
  /** Policy `strict`: how long a write waits for the mirror before it fails. */
  strictTimeoutMs: z.number().int().min(1_000).max(300_000),
  /** Upper bound of one resync in bytes a second; 0 means none. */
  resyncBytesPerSecond: z.number().int().min(0).max(1e12),
  /** Of new mirrors, where nothing else is said. */
  mirrorRecovery: z.enum(['auto', 'manual']),
  mirrorPolicy: z.enum(['availability', 'strict']),
  /** So many of the newest events are kept. */
  keepEvents: z.number().int().min(1_000).max(1_000_000),
});
export type LabSettings = z.infer<typeof labSettingsSchema>;
export type LabSettingName = keyof LabSettings;

export const labSettingsViewSchema = z.object({
  settings: labSettingsSchema,
  defaults: labSettingsSchema,
  /** Bounds of what is a number, both ends included. */
  bounds: z.record(z.string(), z.object({ minimum: z.number(), maximum: z.number() })),
});
export type LabSettingsView = z.infer<typeof labSettingsViewSchema>;

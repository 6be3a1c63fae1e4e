import { messageOf } from './refusals.ts';
import type { Engine } from './engine.ts';

/** The exit code of a host that met a bug; `EX_SOFTWARE` of sysexits. */
export const EXIT_BUG = 70;
/** The lab's files are safe at any moment: closing them in order is a courtesy, not worth waiting for. */
const ABANDON_WITHIN_MS = 5000;

/**
 * What falls through everything else in this process: written to the host's log, told as an event of the lab, and the
 * process ends with `EXIT_BUG`, its servers as in a power cut (decision 0015). Returns what takes the net away again.
 */
export function spreadNet(
  engine: Engine,
  onBug: (error: unknown, path: readonly string[]) => void,
  exit: (code: number) => void = (code) => process.exit(code),
): () => void {
  let falling = false;
  const caught = (error: unknown): void => {
    onBug(error, ['process']);
    // One bug often brings others while the servers end.
    if (falling) return;
    falling = true;
    // A deadline, raced against the orderly end below: the process ends even if the engine never answers.
    const patience = new Promise<void>((resolve) => setTimeout(resolve, ABANDON_WITHIN_MS).unref());
    const abandoned = engine.abandon(messageOf(error)).catch((later: unknown) => onBug(later, ['process', 'abandon']));
    void Promise.race([abandoned, patience]).then(() => exit(EXIT_BUG));
  };
  process.on('uncaughtException', caught);
  process.on('unhandledRejection', caught);
  return () => {
    process.off('uncaughtException', caught);
    process.off('unhandledRejection', caught);
  };
}

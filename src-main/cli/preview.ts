import type { Refusal } from '../../src-engine/contract/index.ts';
import type { Run } from './context.ts';
import { facts } from './io.ts';

/** What a change would do or give: whether it may, the figures, and the steps. A refusal here is an answer, no failure. */
export function printPreview(
  run: Run,
  preview: { readonly allowed: boolean; readonly refusal: Refusal | null; readonly steps?: readonly string[] },
): void {
  run.print(preview, () => {
    const { allowed, refusal, steps, ...figures } = preview;
    const may = allowed
      ? 'This can be done.'
      : `Refused: ${refusal?.code ?? ''} ${refusal?.message ?? ''} ${refusal?.hint ?? ''}`;
    return [may, ...(steps ?? []).map((step) => `- ${step}`), facts(figures)].join('\n');
  });
}

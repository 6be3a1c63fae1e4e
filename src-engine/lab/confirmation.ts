/** The typed confirmation of what cannot be undone. */
import { refuse } from './refused.ts';

/** Refuses unless the subject's name was typed. */
export function confirmed(noun: string, name: string, confirm: string | undefined, consequence: string): void {
  if (confirm === name) return;
  if (confirm !== undefined)
    refuse(`${noun}/wrong-confirmation`, `The confirmation must be ${name}.`, 'Type the name exactly.', {
      field: 'confirm',
    });
  refuse(`${noun}/confirmation-required`, consequence, `Confirm with the name, ${name}.`, {
    field: 'confirm',
    overridable: true,
  });
}

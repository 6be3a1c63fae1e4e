/** Settings of the lab. */
import type { Lab } from '../lab.ts';
import type { Procedures } from './procedures.ts';

export function settingsRoutes(os: Procedures, lab: Lab) {
  return {
    settings: os.lab.settings.handler(() => lab.labSettings.view()),
    set: os.lab.set.handler(({ input }) => {
      const changed = lab.labSettings.set(input.settings);
      if (changed.length > 0)
        lab.events.append({
          kind: 'lab/settings',
          severity: 'notice',
          subject: `lab/${lab.file.name}`,
          message: `Settings were changed: ${changed.join(', ')}`,
        });
      return lab.labSettings.view();
    }),
  };
}

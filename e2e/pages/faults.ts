import { expect, type Page } from '@playwright/test';
import { Shell } from './shell.ts';

export class Faults {
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  async loseSite(site: string): Promise<void> {
    await new Shell(this.page).goTo('Faults');
    await this.page.getByRole('button', { name: 'Inject Site loss' }).click();
    const sheet = this.page.getByRole('dialog', { name: `Site loss: ${site}` });
    await sheet.getByRole('textbox', { name: `Type ${site} to confirm` }).fill(site);
    await sheet.getByRole('button', { name: 'Inject' }).click();
    await expect(sheet).toBeHidden();
    await expect(this.page.getByRole('table', { name: 'Broken now' }).getByText(`site/${site}`)).toBeVisible();
  }

  async healAll(): Promise<void> {
    await new Shell(this.page).goTo('Faults');
    await this.page.getByRole('button', { name: 'Heal all' }).click();
    // Clearing the loss of a site returns when its servers are up and have shaken hands.
    await expect(this.page.getByText('Nothing is broken.')).toBeVisible({ timeout: 90_000 });
  }
}

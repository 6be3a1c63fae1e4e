import { expect, type Locator, type Page } from '@playwright/test';

export type PlaceName = 'Overview' | 'Servers' | 'Arrays' | 'Replication' | 'Recovery' | 'Faults' | 'Events';

/** The frame around every page: where to go, and what holds everywhere. */
export class Shell {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** From an empty directory to live replication, as a person does it: one click. */
  async createDemoLab(): Promise<void> {
    await this.page.getByRole('button', { name: 'Create the two-site demo lab' }).click();
    await expect(this.heading('Overview')).toBeVisible({ timeout: 60_000 });
  }

  heading(name: string): Locator {
    return this.page.getByRole('heading', { level: 1, name });
  }

  async goTo(place: PlaceName): Promise<void> {
    await this.page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: place }).click();
    await expect(this.heading(place)).toBeVisible();
  }

  async chooseTheme(theme: 'Light' | 'Dark'): Promise<void> {
    await this.page.getByRole('button', { name: /^Theme:/ }).click();
    await this.page.getByRole('menuitem', { name: theme }).click();
    await expect(this.page.getByRole('menu')).toBeHidden();
  }
}

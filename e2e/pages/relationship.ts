import { expect, type Locator, type Page } from '@playwright/test';
import { Shell } from './shell.ts';

/** One relationship: its state, and its actions with their sheets. */
export class Relationship {
  private readonly page: Page;
  private readonly name: string;

  constructor(page: Page, name: string) {
    this.page = page;
    this.name = name;
  }

  async open(): Promise<void> {
    const shell = new Shell(this.page);
    await shell.goTo('Replication');
    await this.page.getByRole('link', { name: this.name, exact: true }).click();
    await expect(shell.heading(this.name)).toBeVisible();
  }

  async isInState(state: string, timeoutMs = 60_000): Promise<void> {
    await expect(this.page.getByRole('img', { name: `present state: ${state}` })).toBeVisible({ timeout: timeoutMs });
  }

  action(label: string): Locator {
    const places = this.page.getByRole('region', { name: /^(Actions|Not possible now)$/ });
    return places.getByRole('button', { name: label, exact: true });
  }

  async isPossible(label: string, timeoutMs = 60_000): Promise<void> {
    await expect(this.action(label)).not.toHaveAttribute('aria-disabled', 'true', { timeout: timeoutMs });
  }

  /** Opens the sheet, answers its typed confirmation if it asks, and carries the action out. */
  async act(label: string): Promise<void> {
    await this.isPossible(label);
    await this.action(label).click();
    const sheet = this.page.getByRole('dialog', { name: `${label}: ${this.name}` });
    await expect(sheet.getByRole('list', { name: 'What will happen' })).toBeVisible();
    const confirmation = sheet.getByRole('textbox', { name: `Type ${this.name} to confirm` });
    if (await confirmation.isVisible()) await confirmation.fill(this.name);
    await sheet.getByRole('button', { name: label, exact: true }).click();
    await expect(sheet).toBeHidden({ timeout: 60_000 });
  }

  async servesAt(volume: string): Promise<void> {
    const image = this.page.getByRole('region', { name: new RegExp(`image ${volume}$`) });
    await expect(image.getByText('Primary, accepts writes')).toBeVisible({ timeout: 60_000 });
  }
}

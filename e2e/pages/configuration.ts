import { expect, type Locator, type Page } from '@playwright/test';

/** Making, changing and deleting things: sheets that the palette opens over whatever page is there. */
export class Configuration {
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Through the palette, as a person who knows what the command is called. */
  async open(command: string): Promise<void> {
    await expect(this.page.getByRole('dialog')).toBeHidden();
    await this.page.keyboard.press('Control+k');
    const palette = this.page.getByRole('combobox', { name: 'Go to or do' });
    await palette.fill(command);
    await this.page.getByRole('option', { name: command }).first().click();
  }

  sheet(title: string): Locator {
    return this.page.getByRole('dialog', { name: title, exact: true });
  }

  async choose(sheet: Locator, label: string, option: string | RegExp): Promise<void> {
    await sheet.getByRole('combobox', { name: label, exact: true }).click();
    await sheet.getByRole('option', { name: option }).click();
  }

  /** Fills a sheet, sends it off and waits until it is gone. */
  async make(
    command: string,
    title: string,
    fields: Readonly<Record<string, string>>,
    choices: Readonly<Record<string, string | RegExp>> = {},
  ): Promise<void> {
    await this.open(command);
    const sheet = this.sheet(title);
    for (const [label, option] of Object.entries(choices)) await this.choose(sheet, label, option);
    for (const [label, value] of Object.entries(fields))
      await sheet.getByRole('textbox', { name: label, exact: true }).fill(value);
    await sheet.getByRole('button', { name: 'Create', exact: true }).click();
    await expect(sheet).toBeHidden({ timeout: 60_000 });
  }

  async delete(what: string, name: string): Promise<void> {
    const title = `Delete ${what} ${name}`;
    await this.open(title);
    const sheet = this.sheet(title);
    const button = sheet.getByRole('button', { name: 'Delete', exact: true });
    await expect(button).toBeDisabled();
    await sheet.getByRole('textbox', { name: `Type ${name} to confirm` }).fill(name);
    await button.click();
    await expect(sheet).toBeHidden({ timeout: 90_000 });
  }
}

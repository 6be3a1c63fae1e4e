import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Every pair of tokens that carries text, in both themes, has at least the 4.5:1 of WCAG AA. */
const css = readFileSync(join(import.meta.dirname, '../../src-renderer/app/tokens.css'), 'utf8');

function tokens(scheme: string): Map<string, string> {
  const start = css.indexOf(`[data-mantine-color-scheme='${scheme}']`);
  const block = css.slice(start, css.indexOf('}', start));
  return new Map(
    [...block.matchAll(/--([a-z0-9-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1] ?? '', match[2] ?? '']),
  );
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

const surfaces = ['bg', 'surface', 'raised', 'hover'];
const texts = ['text', 'dim', 'faint', 'accent', 'ok', 'busy', 'warn', 'bad', 'idle'];
const pairs = [
  ...surfaces.flatMap((surface) => texts.map((text) => [text, surface] as const)),
  ...['ok', 'busy', 'warn', 'bad', 'idle', 'accent'].map((tone) => [tone, `${tone}-soft`] as const),
];

describe.each(['light', 'dark'])('%s theme', (scheme) => {
  const found = tokens(scheme);
  test.each(pairs)('%s on %s is readable', (text, surface) => {
    expect(contrast(found.get(text) ?? '', found.get(surface) ?? '')).toBeGreaterThanOrEqual(4.5);
  });
});

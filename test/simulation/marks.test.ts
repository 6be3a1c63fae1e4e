import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { REQUIRED_MARKS } from './marks.ts';

const ENGINE = fileURLToPath(new URL('../../src-engine', import.meta.url));

/** Every mark the engine can set, as patterns: what a template fills in may be any word. */
function marksOfTheEngine(): readonly RegExp[] {
  const patterns: RegExp[] = [];
  for (const file of readdirSync(ENGINE, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const source = readFileSync(join(ENGINE, file), 'utf8');
    for (const [, argument = ''] of source.matchAll(/\.covered\(([^;]*?)\);/gs)) {
      for (const [, quoted, template] of argument.matchAll(/'([^']+)'|`([^`]+)`/g)) {
        const text = (quoted ?? template ?? '').replaceAll(/[.*+?^()|[\]\\]/g, '\\$&');
        patterns.push(new RegExp(`^${text.replaceAll(/\$\{[^}]*\}/g, '[a-z-]+')}$`));
      }
    }
  }
  return patterns;
}

describe('coverage marks', () => {
  test('every mark that a long campaign must reach exists in the engine', () => {
    const known = marksOfTheEngine();
    expect(known.length).toBeGreaterThan(50);
    expect(REQUIRED_MARKS.filter((mark) => !known.some((pattern) => pattern.test(mark)))).toEqual([]);
  });

  test('no required mark is named twice', () => {
    expect(new Set(REQUIRED_MARKS).size).toBe(REQUIRED_MARKS.length);
  });
});

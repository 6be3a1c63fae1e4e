import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
interface Package {
  readonly version?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly resolved?: string;
}
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, Package> };
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
  'dependencies' | 'devDependencies' | 'optionalDependencies',
  Record<string, string>
>;
const packages = Object.entries(lock.packages).filter(([path, entry]) => path !== '' && entry.link !== true);

test('rule 20: every package of the lockfile carries a SHA-512', () => {
  expect(packages.length).toBeGreaterThan(100);
  expect(packages.filter(([, entry]) => !/^sha512-/.test(entry.integrity ?? '')).map(([path]) => path)).toEqual([]);
});

test('rule 20: every dependency is pinned exactly', () => {
  const all = Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  });
  expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/.test(version)).map(([name]) => name)).toEqual([]);
});

test('rule 20: the packages with install scripts are the known ones', () => {
  const known = new Set(['fsevents', 'electron-winstaller', 'esbuild']);
  const found = packages
    .filter(([, entry]) => entry.hasInstallScript === true)
    .map(([path]) => path.replace(/^.*node_modules\//, ''));
  expect(found.filter((name) => !known.has(name))).toEqual([]);
});

test('the oRPC family is of one version', () => {
  const versions = new Set(
    packages.filter(([path]) => /^node_modules\/@orpc\/[^/]+$/.test(path)).map(([, entry]) => entry.version),
  );
  expect(versions).toEqual(new Set(['1.16.1']));
});

#!/usr/bin/env node
// The `lockstep` command of a checkout: runs src-main/cli/main.ts on a Node that is new enough, in this process when
// this one is, else in a child whose signals and exit code are ours. A launcher with a child never holds the lab.
import { realpathSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { codeCache, lockstepNode, root, run } from './run.mjs';

const entry = join(root, 'src-main', 'cli', 'main.ts');
const node = lockstepNode();
if (node.refusal) {
  process.stderr.write(`${node.refusal}\n`);
  process.exitCode = 3;
} else if (
  realpathSync(node.path) === realpathSync(process.execPath) &&
  node.flags.length === process.execArgv.length
) {
  module.enableCompileCache?.(codeCache);
  await import(entry);
} else {
  process.exitCode = await run(node.path, [...node.flags, entry, ...process.argv.slice(2)], {
    spawn: { cwd: process.cwd() },
    env: { NODE_COMPILE_CACHE: codeCache },
  });
}

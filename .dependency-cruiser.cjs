/**
 * The one rule of the house: imports point downwards (docs/internals.md), folders are entered through their index.ts, and
 * each outer part sees only what it may.
 */
const order = ['runtime', 'contract', 'disk', 'raid', 'pool', 'nvlog', 'volume', 'replication', 'host', 'lab'];
/** Folders that know nobody. */
const ground = new Set(['runtime', 'contract']);

const downwards = order.map((folder, index) => {
  const above = order.filter((other, at) => other !== folder && (ground.has(folder) || at > index));
  return {
    name: `downwards-${folder}`,
    severity: 'error',
    comment: `src-engine/${folder} must not know what stands above or beside it`,
    from: { path: `^src-engine/${folder}/` },
    to: { path: `^src-engine/(${above.join('|')})/` },
  };
});

module.exports = {
  forbidden: [
    ...downwards,
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'through-the-index',
      severity: 'error',
      comment:
        'a folder of the engine is entered through its index.ts (runtime/node and runtime/simulated through theirs)',
      from: { path: '^src-(engine|main|renderer)/([^/]+)/' },
      to: {
        path: '^src-engine/([^/]+)/',
        pathNot: [
          '^src-$1/$2/',
          '^src-engine/[^/]+/index[.]ts$',
          '^src-engine/runtime/(node|simulated)/index[.]ts$',
          '^src-engine/lab/server/index[.]ts$',
        ],
      },
    },
    {
      name: 'engine-knows-no-host',
      severity: 'error',
      from: { path: '^src-engine/' },
      to: {
        path: [
          '^src-(main|renderer)/',
          '^node_modules/(electron|react|react-dom|@mantine|hono|@hono|ws|commander)(/|$)',
        ],
      },
    },
    {
      name: 'engine-asks-its-runtime',
      severity: 'error',
      comment: 'only runtime/node touches the machine; crc32 of node:zlib is pure',
      from: { path: '^src-engine/', pathNot: '^src-engine/runtime/node/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?zlib$' },
    },
    {
      name: 'engine-runs-really-in-one-place',
      severity: 'error',
      comment: 'the real runtime and the simulated one are chosen in the composition root and the tests, nowhere else',
      from: { path: '^src-engine/', pathNot: '^src-engine/(runtime/|lab/machine[.]ts$)' },
      to: { path: '^src-engine/runtime/(node|simulated)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'renderer-sees-the-contract',
      severity: 'error',
      from: { path: '^src-renderer/' },
      to: { path: ['^src-main/', '^src-engine/(?!contract/)'] },
    },
    {
      name: 'main-sees-lab-contract-and-runtime-node',
      severity: 'error',
      from: { path: '^src-main/' },
      to: { path: ['^src-renderer/', '^src-engine/(?!lab/index[.]ts|contract/|runtime/(node/|index[.]ts))'] },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true, pathNot: '^electron$' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};

import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const bannedInEngine = [
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'performance',
  'process',
  'crypto',
  'fetch',
  'Intl',
  'FinalizationRegistry',
];
const ask = 'The engine asks its runtime (src-engine/runtime/types.ts), so that one seed is one schedule.';

export default tseslint.config(
  {
    ignores: [
      'out/**',
      'dist/**',
      'coverage/**',
      'node_modules/**',
      'test-results/**',
      'playwright-report/**',
      'docs/**',
    ],
  },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // Numbers in sentences are wanted; everything else must be said how.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Interfaces promise promises; an implementation that has nothing to wait for is no mistake.
      '@typescript-eslint/require-await': 'off',
      // Asserted bounds and foreign input are checked although the types say they cannot be otherwise.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      // Overflows the stack on the recursive router types of oRPC.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'No default exports: a thing has one name.' },
        {
          selector: "MemberExpression[property.name='openExternal']",
          message: 'Only desktop/external.ts opens links (security rule 11).',
        },
        {
          selector: "MemberExpression[property.name='loadFile']",
          message: 'Windows load app://console/ only (security rule 3).',
        },
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'electron',
              importNames: ['ipcMain'],
              message: 'Only desktop/port-handover.ts listens (security rule 6).',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['src-engine/**/*.ts'],
    ignores: ['src-engine/runtime/node/**'],
    rules: {
      'no-restricted-globals': ['error', ...bannedInEngine.map((name) => ({ name, message: ask }))],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: ask }],
    },
  },
  {
    // The simulator drains microtasks by one real macrotask turn.
    files: ['src-engine/runtime/simulated/**/*.ts'],
    rules: { 'no-restricted-globals': 'off' },
  },
  { files: ['src-main/desktop/external.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['src-main/desktop/port-handover.ts'], rules: { 'no-restricted-imports': 'off' } },
  { files: ['*.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['src-renderer/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': reactHooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      // Hooks of libraries hand out bound functions that are typed as methods.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['test/**', 'e2e/**', 'bench/**'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-syntax': 'off',
    },
  },
);

import { resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';

/**
 * Into out/: the desktop's main process and its engine process (ES modules), the preload (CommonJS: a sandboxed preload
 * must be), and the console. What `dependencies` names stays outside the bundles of the Node side.
 */
const from = (path: string): string => resolve(import.meta.dirname, path);

export default defineConfig({
  main: {
    build: {
      externalizeDeps: true,
      rolldownOptions: {
        input: { index: from('src-main/desktop/index.ts'), 'engine-process': from('src-main/engine-process.ts') },
        output: { format: 'es', entryFileNames: '[name].js' },
      },
    },
  },
  preload: {
    build: {
      rolldownOptions: {
        input: { index: from('src-main/preload/index.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: from('src-renderer'),
    plugins: [react()],
    build: {
      outDir: from('out/renderer'),
      minify: true,
      // The console never runs inline scripts or data: modules (its CSP forbids them).
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      rolldownOptions: { input: from('src-renderer/index.html') },
    },
  },
});

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { contentPolicy } from './build/content-policy.ts';
import { digits } from './build/digits.ts';
import { offline } from './build/offline.ts';

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

export default defineConfig({
  // Relative, so that the folder can be served from anywhere: a domain, a sub-path, a bucket.
  base: './',
  plugins: [digits(), contentPolicy(), offline()],
  worker: { format: 'es' },
  build: {
    reportCompressedSize: false,
    rolldownOptions: {
      input: { index: path('index.html'), 'service-worker': path('src/service-worker.ts') },
      output: {
        // A service worker's name and place must stay; everything else is named by its content.
        entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
});

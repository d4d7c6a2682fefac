import type { Plugin } from 'vite';

/** What this needs to know of a file of the build. */
interface BundleFile {
  readonly type: 'chunk' | 'asset';
  readonly fileName: string;
  readonly isEntry?: boolean;
  readonly imports?: readonly string[];
}

const worker = 'service-worker.js';
/** Where the service worker's list of files goes. */
const placeholder = /(["'`])__SITE_FILES__\1/;
/** The model cache of the page keeps these, and checks them. */
const isModel = (file: string): boolean => file.startsWith('models/');

const apart = new Set([worker, 'index.html']);

/** The page's own script with everything that it imports at once, and the styles. */
function firstFiles(bundle: Readonly<Record<string, BundleFile>>): string[] {
  const wanted = Object.values(bundle).flatMap(({ type, fileName, isEntry }) =>
    (type === 'chunk' && isEntry && fileName !== worker) || fileName.endsWith('.css') ? fileName : [],
  );
  for (const file of wanted) {
    for (const imported of bundle[file]?.imports ?? []) if (!wanted.includes(imported)) wanted.push(imported);
  }
  return wanted;
}

/** Tells the service worker which files the site has. */
export function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const script = bundle[worker];
        if (script?.type !== 'chunk') throw new Error(`expected a chunk ${worker}`);
        const files = Object.keys(bundle).filter((file) => !isModel(file) && !apart.has(file));
        const first = new Set(firstFiles(bundle));
        const list = {
          // The page itself, and what it cannot start without.
          shell: ['./', ...files.filter((file) => first.has(file))],
          // Chunks and runtimes of several megabytes, of which a visit needs some: kept when they are first fetched.
          whenUsed: files.filter((file) => !first.has(file)),
        };
        if (!placeholder.test(script.code)) throw new Error(`${worker}: expected __SITE_FILES__`);
        script.code = script.code.replace(placeholder, () => JSON.stringify(JSON.stringify(list)));
      },
    },
  };
}

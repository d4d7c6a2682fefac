import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type Rollup } from 'vite';

const cache = fileURLToPath(new URL('.', import.meta.url));

/** One module or script with all that it imports. */
export interface Bundle {
  readonly code: string;
  /** What stays outside: optional peers that are loaded when they are first used. */
  readonly imports: readonly string[];
}

/**
 * Bundles code with the built packages, as for an edge runtime: into one file, nothing of Node, no page.
 * @param format `iife`: a script; `es`: a module
 */
export async function bundleForEdge(
  code: string,
  format: 'iife' | 'es',
  external: readonly string[] = [],
): Promise<Bundle> {
  // Inside the repository, so that the packages are found as a user's code finds them, and built as a user gets them.
  const folder = await mkdtemp(`${cache}.cache-`);
  try {
    await writeFile(`${folder}/main.ts`, code);
    const output = (await build({
      root: folder,
      configFile: false,
      logLevel: 'error',
      define: { 'process.env.NODE_ENV': '"production"' },
      build: {
        write: false,
        minify: false,
        target: 'es2022',
        modulePreload: false,
        rollupOptions: {
          input: `${folder}/main.ts`,
          external: external.map((name) => new RegExp(`^${name}(/|$)`)),
          preserveEntrySignatures: 'strict',
          output: { format, codeSplitting: false, ...(format === 'iife' ? { name: 'edge' } : {}) },
        },
      },
    })) as Rollup.RollupOutput;
    const chunks = output.output.filter((part) => part.type === 'chunk');
    if (chunks.length !== 1) throw new Error(`expected one chunk, given ${chunks.length}`);
    const [{ code: text, fileName, imports, dynamicImports }] = chunks as [Rollup.OutputChunk];
    // What is imported when it is needed lies in the same file.
    return { code: text, imports: [...imports, ...dynamicImports].filter((module) => module !== fileName) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

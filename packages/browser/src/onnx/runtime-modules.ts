import type { RuntimeVariant } from './runtime-files';

/** The URLs of the variants of onnxruntime-web that a page names in its import map. */
export type RuntimeModules = Readonly<Partial<Record<RuntimeVariant, string>>>;

/**
 * Where the page's import map leads to: a worker has none, so without a bundler it could not find the runtime by its
 * name. Undefined where there is no such map, as in whatever a bundler made.
 */
export function mappedModules(): RuntimeModules | undefined {
  const found: Partial<Record<RuntimeVariant, string>> = {};
  for (const variant of ['wasm', 'webgpu', 'jspi'] as const) {
    try {
      found[variant] = import.meta.resolve(`onnxruntime-web/${variant}`);
    } catch {
      // The map does not name it, there is none, or the browser is too old to tell.
    }
  }
  return Object.keys(found).length === 0 ? undefined : found;
}

import { createContext, runInContext } from 'node:vm';

/**
 * What a runtime for the web must have beside ECMAScript for Fairlead's isomorphic parts: all of it is in the minimum common
 * web API that edge runtimes agree on. No `process`, no `Buffer`, no `window`, no `document`, no `navigator`, no `require`.
 */
export const webGlobals = [
  // Needed to import and to run models.
  'AbortController',
  'AbortSignal',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'clearTimeout',
  'console',
  'crypto',
  'performance',
  'setTimeout',
  'structuredClone',
  // Needed where something is served, asked or fetched.
  'CompressionStream',
  'Headers',
  'ReadableStream',
  'Request',
  'Response',
  'fetch',
] as const;

/** A new context's arrays and errors would be strangers to those that the globals above make; a real runtime has one kind. */
const shared = [
  'ArrayBuffer',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
  'Error',
  'Float32Array',
  'Float64Array',
  'Int16Array',
  'Int32Array',
  'Int8Array',
  'Promise',
  'SharedArrayBuffer',
  'Uint16Array',
  'Uint32Array',
  'Uint8Array',
  'Uint8ClampedArray',
] as const;

/** A realm with ECMAScript and {@link webGlobals}, and nothing else. Code that is not text is refused, as edge runtimes do. */
export function createBareContext(): { run(script: string): unknown; readonly names: string[] } {
  const host = globalThis as unknown as Record<string, unknown>;
  const globals = Object.fromEntries([...webGlobals, ...shared].map((name) => [name, host[name]]));
  const context = createContext(globals, { codeGeneration: { strings: false, wasm: false } });
  return {
    run: (script) => runInContext(script, context),
    names: runInContext('Object.getOwnPropertyNames(globalThis)', context) as string[],
  };
}

import type { SessionUsage } from '@fairlead/core';

/** The part of a global scope that makes WebAssembly memory. */
interface WasmScope {
  WebAssembly?: {
    Memory: typeof WebAssembly.Memory;
    instantiate: (...args: never[]) => Promise<unknown>;
    instantiateStreaming?: (...args: never[]) => Promise<unknown>;
  };
  performance?: { readonly memory?: { readonly usedJSHeapSize?: number } };
}

/**
 * Notes every WebAssembly memory that is made in this thread from now on; call it before a runtime is loaded.
 * @returns tells what they take together, with the JavaScript heap where the browser says
 */
export function watchMemory(scope: WasmScope = globalThis as unknown as WasmScope): () => SessionUsage {
  const memories = new Set<WeakRef<WebAssembly.Memory>>();
  const known = new WeakSet<WebAssembly.Memory>();
  const { WebAssembly: wasm } = scope;
  if (wasm !== undefined) {
    const { Memory } = wasm;
    const note = (memory: WebAssembly.Memory): void => {
      // A module may export again what a script made for it.
      if (known.has(memory)) return;
      known.add(memory);
      memories.add(new WeakRef(memory));
    };
    // A runtime makes its memory itself where threads share it, and its module does elsewhere.
    wasm.Memory = new Proxy(Memory, {
      construct(target, args, newTarget) {
        const memory = Reflect.construct(target, args, newTarget) as WebAssembly.Memory;
        note(memory);
        return memory;
      },
    });
    const noteExports = (made: unknown): void => {
      const { instance = made } = made as { instance?: unknown };
      const { exports = {} } = instance as { exports?: Record<string, unknown> };
      for (const value of Object.values(exports)) if (value instanceof Memory) note(value);
    };
    const noting =
      (instantiate: (...args: never[]) => Promise<unknown>) =>
      async (...args: never[]): Promise<unknown> => {
        const made = await instantiate(...args);
        noteExports(made);
        return made;
      };
    wasm.instantiate = noting(wasm.instantiate);
    if (wasm.instantiateStreaming !== undefined) wasm.instantiateStreaming = noting(wasm.instantiateStreaming);
  }
  return () => {
    let memoryBytes = scope.performance?.memory?.usedJSHeapSize ?? 0;
    for (const reference of memories) {
      const memory = reference.deref();
      if (memory === undefined) memories.delete(reference);
      else memoryBytes += memory.buffer.byteLength;
    }
    return { memoryBytes };
  };
}

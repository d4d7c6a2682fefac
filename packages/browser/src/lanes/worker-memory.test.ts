import { describe, expect, it } from 'vitest';
import { watchMemory } from './worker-memory';

const page = 65_536;
/** A module that makes and exports a memory of two pages. */
const exporting = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 2, 7, 5, 1, 1, 109, 2, 0);
/** A scope of its own, so that the test's stays as it is. */
const scopeOf = () => ({
  WebAssembly: {
    Memory: WebAssembly.Memory,
    instantiate: WebAssembly.instantiate as (...args: never[]) => Promise<unknown>,
    instantiateStreaming: (async () =>
      WebAssembly.instantiate(await WebAssembly.compile(exporting))) as () => Promise<unknown>,
  },
});

describe('watchMemory', () => {
  it('counts memories that scripts make, as they grow', () => {
    const scope = scopeOf();
    const measure = watchMemory(scope);
    expect(measure()).toEqual({ memoryBytes: 0 });
    const memory = new scope.WebAssembly.Memory({ initial: 1 });
    expect(memory).toBeInstanceOf(scope.WebAssembly.Memory);
    expect(memory).toBeInstanceOf(WebAssembly.Memory);
    expect(measure()).toEqual({ memoryBytes: page });
    memory.grow(3);
    expect(measure()).toEqual({ memoryBytes: 4 * page });
  });

  it('counts memories that modules make, however they are instantiated', async () => {
    const scope = scopeOf();
    const measure = watchMemory(scope);
    const made = (await scope.WebAssembly.instantiate(...([exporting] as never[]))) as {
      instance: WebAssembly.Instance;
    };
    expect(measure()).toEqual({ memoryBytes: 2 * page });
    const instance = (await scope.WebAssembly.instantiateStreaming()) as WebAssembly.Instance;
    expect(measure()).toEqual({ memoryBytes: 4 * page });
    expect([made.instance, instance].every(({ exports }) => exports.m instanceof WebAssembly.Memory)).toBe(true);
  });

  it('adds the heap where the browser tells it, and does without WebAssembly', () => {
    expect(watchMemory({ performance: { memory: { usedJSHeapSize: 7 } } })()).toEqual({ memoryBytes: 7 });
    expect(watchMemory({})()).toEqual({ memoryBytes: 0 });
  });
});

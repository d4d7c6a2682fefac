import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseTfjsOptions } from './options';
import { probeDevice, supportOf } from './tfjs-devices';

afterEach(() => vi.unstubAllGlobals());

const refuse = { allowSoftwareAdapter: false };
const because = (words: string) => ({ available: false, reason: expect.stringContaining(words) });

/** A browser whose WebGL is drawn by a renderer of this name. */
function withRenderer(name: string, hidden = false): { readonly released: () => number } {
  let released = 0;
  const extensions: Record<string, unknown> = {
    WEBGL_lose_context: { loseContext: () => void released++ },
    ...(hidden ? {} : { WEBGL_debug_renderer_info: { UNMASKED_RENDERER_WEBGL: 37446 } }),
  };
  const context = {
    RENDERER: 7937,
    getExtension: (extension: string) => extensions[extension] ?? null,
    getParameter: (parameter: number) => (parameter === (hidden ? 7937 : 37446) ? name : 'WebKit WebGL'),
  };
  vi.stubGlobal(
    'OffscreenCanvas',
    class {
      getContext = (kind: string) => (kind === 'webgl2' ? context : null);
    },
  );
  return { released: () => released };
}

describe('probeDevice', () => {
  it('takes WebGL of a real GPU, and gives back the context that it asked', async () => {
    const { released } = withRenderer('ANGLE (NVIDIA, GeForce RTX 3060)');
    expect(await probeDevice('webgl', refuse)).toEqual({ available: true });
    expect(released()).toBe(1);
  });

  it.each([
    ['ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero)))', false],
    ['Mesa llvmpipe (LLVM 15)', true],
  ])('refuses "%s" unless it is allowed', async (name, hidden) => {
    withRenderer(name, hidden);
    expect(await probeDevice('webgl', refuse)).toEqual(because(`emulated on the CPU (${name})`));
    expect(await probeDevice('webgl', { allowSoftwareAdapter: true })).toEqual({ available: true });
  });

  it('says why there is no WebGL', async () => {
    expect(await probeDevice('webgl', refuse)).toEqual(because('no WebGL 2'));
    vi.stubGlobal('document', { createElement: () => ({ getContext: () => null }) });
    expect(await probeDevice('webgl', refuse)).toEqual(because('no WebGL 2'));
    vi.stubGlobal(
      'OffscreenCanvas',
      class {
        getContext(): never {
          throw new Error('blocked');
        }
      },
    );
    expect(await probeDevice('webgl', refuse)).toEqual(because('blocked'));
  });

  it('has plain JavaScript everywhere, and WebAssembly where the engine does', async () => {
    expect(await probeDevice('cpu', refuse)).toEqual({ available: true });
    expect(await probeDevice('wasm', refuse)).toEqual({ available: true });
    vi.stubGlobal('WebAssembly', undefined);
    expect(await probeDevice('wasm', refuse)).toEqual(because('no WebAssembly'));
  });
});

describe('supportOf', () => {
  it('names the devices that can be had, or why none can', async () => {
    expect(await supportOf(parseTfjsOptions({}))).toEqual({ supported: true, devices: ['wasm', 'cpu'] });
    expect(await supportOf(parseTfjsOptions({ device: ['webgpu', 'webgl'] }))).toEqual({
      supported: false,
      reason: expect.stringMatching(/^webgpu: .*navigator\.gpu.*; webgl: .*no WebGL 2/),
    });
  });
});

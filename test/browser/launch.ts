import { type Browser, chromium } from 'playwright-core';

/**
 * Starts Chromium with a software adapter for WebGPU, on machines without a GPU too.
 * @param more arguments beside the usual ones
 */
export function launchChromium(executablePath: string, more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--enable-unsafe-webgpu',
      ...more,
    ],
  });
}

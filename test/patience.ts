import { vi } from 'vitest';

/*
 * Vitest gives up on what a test waits for after a second, which is short on a machine that has much to do. Nothing here is about how fast
 * the machine is: what hangs is ended, and nothing else.
 */

const patienceMs = 30_000;
const { waitFor, waitUntil } = vi;

/** Options with our patience, where they name none of their own. */
const patient = (options?: number | { readonly timeout?: number }) =>
  typeof options === 'number' ? options : { timeout: patienceMs, ...options };

vi.waitFor = (callback, options) => waitFor(callback, patient(options));
vi.waitUntil = (callback, options) => waitUntil(callback, patient(options));

import { parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';

/** Where TensorFlow.js computes: `wasm` is compiled code, `cpu` is plain JavaScript, slower and with every operator. */
export type TfjsDevice = 'wasm' | 'cpu';

/** Options of {@link tfjs}. */
export interface TfjsOptions {
  /**
   * The device, or several in the order of fallback. One name alone means: this one or none. Each device of a list that
   * could not be had is reported in the session's `fallbacks`. Both compute with one thread, since the WebAssembly of
   * TensorFlow.js has no threads on Node; for more, ask the runner for more worker lanes.
   * @default ['wasm', 'cpu']
   */
  readonly device?: TfjsDevice | readonly TfjsDevice[];
  /**
   * Most bytes of a model, its weights included, 1 or more.
   * @default 2147483647
   */
  readonly maxModelBytes?: number;
}

/** Options with their defaults; plain, so that a worker can be sent them. */
export interface TfjsSettings {
  readonly devices: readonly TfjsDevice[];
  readonly maxModelBytes: number;
}

const device = z.enum(['wasm', 'cpu']);

const schema = z.strictObject({
  device: z._default(
    z.union([device, z.array(device).check(z.minLength(1))], { error: '"wasm", "cpu" or a list of them' }),
    ['wasm', 'cpu'],
  ),
  maxModelBytes: z._default(z.int().check(z.gte(1)), 2 ** 31 - 1),
});

/**
 * Parses the options of `tfjs`.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseTfjsOptions(options: TfjsOptions | undefined): TfjsSettings {
  const { device: wanted, maxModelBytes } = parseOptions(schema, options, 'tfjs');
  return { devices: [...new Set(typeof wanted === 'string' ? [wanted] : wanted)], maxModelBytes };
}

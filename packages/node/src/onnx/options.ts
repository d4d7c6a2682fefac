import { parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';

/** Where onnxruntime-node computes. */
export type OnnxDevice = 'cpu' | 'cuda' | 'webgpu';

/** How much onnxruntime rewrites a graph before it runs it. */
export type GraphOptimization = 'disabled' | 'basic' | 'extended' | 'layout' | 'all';

/** Options of {@link onnx}. */
export interface OnnxOptions {
  /**
   * The device, or several in the order of fallback. One name alone means: this one or none. Each device of a list that
   * could not be had is reported in the session's `fallbacks`.
   * @default 'cpu'
   */
  readonly device?: OnnxDevice | readonly OnnxDevice[];
  /**
   * Threads that one session computes an operator with, 1 to 1024. With several worker lanes each has as many, so give
   * lanes × threads ≤ cores.
   * @default the cores that this process may use (`os.availableParallelism()`)
   */
  readonly threads?: number;
  /**
   * Operators of one run that may compute at the same time, 1 to 1024. More than 1 pays only for graphs with wide
   * parallel branches.
   * @default 1
   */
  readonly interOpThreads?: number;
  /**
   * Whether idle threads of the runtime wait in a loop. It saves microseconds where cores are idle, and starves the
   * event loop where they are few.
   * @default false
   */
  readonly spinning?: boolean;
  /**
   * Number of the graphics card that `cuda` uses, from 0. The CUDA provider takes no other setting from Node: in
   * particular no limit of memory can be set.
   * @default 0
   */
  readonly deviceId?: number;
  /**
   * Whether a device other than the CPU must prove itself on each model: when a session is opened, the model is also
   * opened on the CPU for as long as it takes to compare their answers to two rows of made-up inputs. A device that
   * answers otherwise, by more than rounding (1 % for float32), counts as one that could not be had; where the model gives
   * nothing to compare, a process warning says so. It happens where the session lives, so a worker lane blocks nobody.
   * @default true
   */
  readonly selfTest?: boolean;
  /** @default 'all' */
  readonly graphOptimization?: GraphOptimization;
  /**
   * Most bytes of a model file, 1 or more.
   * @default 2147483647, what ONNX's own format allows
   */
  readonly maxModelBytes?: number;
}

/** Options with their defaults; plain, so that a worker can be sent them. */
export interface OnnxSettings {
  readonly devices: readonly OnnxDevice[];
  /** Undefined where the thread that opens the session counts the cores. */
  readonly threads: number | undefined;
  readonly interOpThreads: number;
  readonly spinning: boolean;
  readonly deviceId: number;
  readonly selfTest: boolean;
  readonly graphOptimization: GraphOptimization;
  readonly maxModelBytes: number;
}

const device = z.enum(['cpu', 'cuda', 'webgpu']);
const threadCount = z.int().check(z.gte(1), z.lte(1024));

const schema = z.strictObject({
  device: z._default(
    z.union([device, z.array(device).check(z.minLength(1))], {
      error: '"cpu", "cuda", "webgpu" or a list of them',
    }),
    'cpu',
  ),
  threads: z.optional(threadCount),
  interOpThreads: z._default(threadCount, 1),
  spinning: z._default(z.boolean(), false),
  deviceId: z._default(z.int().check(z.gte(0)), 0),
  selfTest: z._default(z.boolean(), true),
  graphOptimization: z._default(z.enum(['disabled', 'basic', 'extended', 'layout', 'all']), 'all'),
  maxModelBytes: z._default(z.int().check(z.gte(1)), 2 ** 31 - 1),
});

/**
 * Parses the options of `onnx`.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseOnnxOptions(options: OnnxOptions | undefined): OnnxSettings {
  const { device: wanted, threads, ...rest } = parseOptions(schema, options, 'onnx');
  return { devices: [...new Set(typeof wanted === 'string' ? [wanted] : wanted)], threads, ...rest };
}

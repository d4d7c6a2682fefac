import { type EventListeners, type LoadedModel, parseOptions, type SidecarName } from '@fairlead/core';
import * as z from 'zod/mini';
import type { ModelCacheEventMap } from './cache-events';
import { functionOf, objectOf } from './cache-options';
import type { ModelVariant, VariantName } from './choose-variant';
import type { Revalidation } from './load-model';
import type { ModelCache } from './model-cache';

/** Options of `cachedModel`. */
export interface CachedModelOptions {
  /**
   * SHA-256 of the file, hex. It is checked before the model is used, and a cached file that has it is never asked for
   * again. @default none: whatever the URL leads to
   */
  readonly digest?: string;
  /** Bytes of the file, by which a truncated one is known that its server does not tell the size of. @default unknown */
  readonly bytes?: number;
  /** Where it is kept. @default one cache for all, made by `createModelCache()` */
  readonly cache?: ModelCache;
  /**
   * Variants of the model, of which the best for the device is taken. The URL itself is `fp32`, with the `digest` and
   * `bytes` above, unless that is given here. @default none
   */
  readonly variants?: Readonly<Partial<Record<VariantName, ModelVariant>>>;
  /** The devices that the backend is told to try, in order; variants are chosen for the first. @default ['webgpu', 'wasm'] */
  readonly device?: 'webgpu' | 'wasm' | readonly ('webgpu' | 'wasm')[];
  /**
   * Measures a variant: milliseconds that it takes, by whatever matters to you. With it, every variant that is eligible
   * is fetched and measured once on a device, and the fastest is used from then on. @default by rules alone
   */
  readonly measure?: (
    model: LoadedModel,
    call: { readonly variant: VariantName; readonly signal?: AbortSignal },
  ) => Promise<number>;
  /**
   * When the server is asked whether a file changed that is cached and was promised no `digest`. `background`: the cached
   * one is used at once, and a new version goes to the runner as a hot swap. `always`: before it is used; offline the
   * cached one is used. `never`: not at all.
   * @default 'background'
   */
  readonly revalidate?: Revalidation;
  /**
   * What lies beside the model and is fetched with it, so that it is there offline: `golden`, `reference`, `card`. The
   * others are fetched and kept when they are first asked for. @default ['golden']
   */
  readonly sidecars?: readonly SidecarName[];
  /** The model's name. @default the file's name without `.onnx` */
  readonly name?: string;
  /** The model's version. @default the first 12 characters of its digest */
  readonly version?: string;
  /** Largest file to download, in bytes. @default 1_073_741_824 */
  readonly maxModelBytes?: number;
  /** Attempts after one that failed and brought the download no further, 0 to 10. @default 2 */
  readonly retries?: number;
  /** An attempt that brings no byte for so many milliseconds has failed. @default 30_000 */
  readonly stallTimeoutMs?: number;
  /** Listeners to what happens to this model, attached before anything can. @default none */
  readonly on?: EventListeners<ModelCacheEventMap>;
}

const digest = z.custom<string>(
  (value) => typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value),
  'a SHA-256 as 64 hexadecimal characters',
);
const size = z.int().check(z.minimum(1));
const text = z.string().check(z.minLength(1));
const isDevice = (value: unknown): value is 'webgpu' | 'wasm' => value === 'webgpu' || value === 'wasm';
const variant = z.strictObject({ url: text, digest: z.optional(digest), bytes: z.optional(size) });

const schema = z.strictObject({
  digest: z.optional(digest),
  bytes: z.optional(size),
  cache: z.optional(objectOf<ModelCache>('a cache made by createModelCache', 'list', 'remove', 'clear')),
  variants: z.optional(
    z.strictObject({ fp32: z.optional(variant), fp16: z.optional(variant), int8: z.optional(variant) }),
  ),
  device: z.optional(
    z.custom<NonNullable<CachedModelOptions['device']>>(
      (value) => isDevice(value) || (Array.isArray(value) && value.length > 0 && value.every(isDevice)),
      '"webgpu", "wasm" or a list of them',
    ),
  ),
  measure: z.optional(functionOf<NonNullable<CachedModelOptions['measure']>>()),
  revalidate: z.optional(z.enum(['never', 'background', 'always'])),
  sidecars: z.optional(z.array(z.enum(['golden', 'reference', 'card']))),
  name: z.optional(text),
  version: z.optional(text),
  maxModelBytes: z.optional(size),
  retries: z.optional(z.int().check(z.minimum(0), z.maximum(10))),
  stallTimeoutMs: z.optional(z.int().check(z.minimum(1), z.maximum(2 ** 31 - 1))),
  on: z.optional(objectOf<EventListeners<ModelCacheEventMap>>('an object of listeners by event name')),
});

/** Options of `cachedModel`, parsed. */
export type CachedModelSettings = z.output<typeof schema>;

/**
 * Parses the options of `cachedModel`.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseCachedModelOptions(options: CachedModelOptions): CachedModelSettings {
  return parseOptions(schema, options, 'cachedModel');
}

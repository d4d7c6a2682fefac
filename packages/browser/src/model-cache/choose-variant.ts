/** The number formats that a model may come in. */
export type VariantName = 'fp32' | 'fp16' | 'int8';

/** A variant of a model. */
export interface ModelVariant {
  /** Absolute, or relative to the URL of the cached model. */
  readonly url: string;
  /** SHA-256 of the file, hex. @default none: whatever the URL leads to */
  readonly digest?: string;
  /** Bytes of the file, by which its need of memory is judged. @default unknown: it is taken to fit */
  readonly bytes?: number;
}

/** What came of a variant when one was chosen. */
export interface VariantCandidate {
  readonly variant: VariantName;
  readonly eligible: boolean;
  readonly reason: string;
}

/** What a device can do, as far as a choice needs it. */
export interface DeviceFacts {
  /** Where the model will compute. */
  readonly device: 'webgpu' | 'wasm';
  /** Whether its GPU computes with float16. */
  readonly shaderF16: boolean;
  /** GiB of memory, rounded and 8 at most; undefined where the browser does not tell. */
  readonly memoryGiB: number | undefined;
  /** Bytes that the site may still store; undefined where the browser does not tell. */
  readonly storageBytes: number | undefined;
  /** A name for devices of this kind, under which speeds are remembered. */
  readonly label: string;
}

/** Variants in the order in which they should be tried, and why. */
export interface VariantRanking {
  /** At least one. */
  readonly order: readonly VariantName[];
  readonly candidates: readonly VariantCandidate[];
}

/** A model needs its size so many times over while it loads. */
const memoryFactor = 3;
/** The part of a device's memory that a page can count on. */
const memoryShare = 1 / 4;
const mebibyte = 2 ** 20;

/** The best variant for each device first; WebAssembly computes float16 only by turning it into float32. */
const preferences = {
  'webgpu with float16': ['fp16', 'fp32', 'int8'],
  webgpu: ['fp32', 'int8'],
  wasm: ['int8', 'fp32', 'fp16'],
} as const satisfies Record<string, readonly VariantName[]>;

/** Ranks variants by what a device can do. */
export function rankVariants(
  variants: Readonly<Partial<Record<VariantName, ModelVariant>>>,
  facts: DeviceFacts,
): VariantRanking {
  const kind = facts.device === 'webgpu' && facts.shaderF16 ? 'webgpu with float16' : facts.device;
  const preferred: readonly VariantName[] = preferences[kind];
  const given = (Object.keys(variants) as VariantName[]).filter((name) => variants[name] !== undefined);
  const places = [...preferred, ...given.filter((name) => !preferred.includes(name))].filter((name) =>
    given.includes(name),
  );
  const candidates = places.map((variant, place): VariantCandidate => {
    if (!preferred.includes(variant)) {
      return { variant, eligible: false, reason: `the GPU has no shader-f16, which ${variant} needs` };
    }
    const bytes = variants[variant]?.bytes;
    const short = memoryShortage(bytes, facts);
    if (short !== undefined) return { variant, eligible: false, reason: short };
    const order = place === 0 ? 'the best' : `number ${place + 1}`;
    return { variant, eligible: true, reason: `${order} of ${given.length} on ${kind}` };
  });
  const eligible = candidates.filter((candidate) => candidate.eligible).map(({ variant }) => variant);
  const fits = (name: VariantName): boolean => (variants[name]?.bytes ?? 0) <= (facts.storageBytes ?? Infinity);
  if (eligible.length > 0) {
    const order = [...eligible.filter(fits), ...eligible.filter((name) => !fits(name))];
    return {
      order,
      candidates: candidates.map((candidate) =>
        candidate.eligible && !fits(candidate.variant)
          ? {
              ...candidate,
              reason: `${candidate.reason}, but it does not fit into what the browser lets this site store`,
            }
          : candidate,
      ),
    };
  }
  // A model that may fail is better than none; the smallest is the likeliest to work.
  const size = (name: VariantName): number => variants[name]?.bytes ?? Infinity;
  const order = places.sort((one, other) => size(one) - size(other));
  return { order: order.slice(0, 1), candidates };
}

function memoryShortage(bytes: number | undefined, { memoryGiB }: DeviceFacts): string | undefined {
  if (bytes === undefined || memoryGiB === undefined) return undefined;
  const needed = bytes * memoryFactor;
  const available = memoryGiB * 2 ** 30 * memoryShare;
  if (needed <= available) return undefined;
  const mib = (amount: number): string => `${Math.ceil(amount / mebibyte)} MiB`;
  return `loading it takes some ${mib(needed)}, and a page on a device with ${memoryGiB} GiB can count on ${mib(available)}`;
}

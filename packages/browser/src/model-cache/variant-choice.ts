import { FairleadError, messageOf } from '@fairlead/core';
import type { CacheEngine, Caller } from './cache-engine';
import { tellAll } from './cache-events';
import type { CachedModelSettings } from './cached-model-options';
import { rankVariants, type VariantCandidate, type VariantName } from './choose-variant';
import { deviceFacts } from './device-facts';
import type { Loaded, LoadRequest } from './load-model';

/** A variant as it is after its options were parsed. */
export interface ParsedVariant {
  readonly url: string;
  readonly digest?: string | undefined;
  readonly bytes?: number | undefined;
}

/** What was loaded, and what was asked for. */
export interface ChosenModel {
  readonly loaded: Loaded;
  readonly request: LoadRequest;
}

/** A variant and why it is the one. */
interface Choice extends ChosenModel {
  readonly variant: VariantName;
  readonly reason: string;
  readonly candidates: readonly VariantCandidate[];
}

/** Chooses a variant by the device, or by measured speed where that is asked for, and loads it. Tells what it chose, and why. */
export async function chooseAndLoad(
  variants: Readonly<Partial<Record<VariantName, ParsedVariant | undefined>>>,
  requestOf: (variant: ParsedVariant) => LoadRequest,
  settings: CachedModelSettings,
  engine: CacheEngine,
  caller: Caller,
): Promise<ChosenModel> {
  const { device = ['webgpu', 'wasm'], measure } = settings;
  const requests = new Map<VariantName, LoadRequest>();
  for (const [name, variant] of Object.entries(variants)) {
    if (variant !== undefined) requests.set(name as VariantName, requestOf(variant));
  }
  const facts = await deviceFacts(typeof device === 'string' ? [device] : device);
  const sizes = Object.fromEntries(
    [...requests].map(([name, { url, bytes }]) => [name, { url: url.href, ...(bytes === undefined ? {} : { bytes }) }]),
  );
  const ranking = rankVariants(sizes, facts);
  const parts: ChoiceParts = { requests, ...ranking, label: facts.label, engine, caller };
  const measured = measure === undefined || ranking.order.length < 2 ? undefined : await fastest(parts, measure);
  const { loaded, request, variant, reason, candidates } = measured ?? (await firstToHave(parts));
  const tell = tellAll(engine.settings.logger, () => [engine.events, caller.events]);
  tell('variant-choice', { url: request.url.shown, variant, reason, candidates });
  return { loaded, request };
}

interface ChoiceParts {
  readonly requests: ReadonlyMap<VariantName, LoadRequest>;
  readonly order: readonly VariantName[];
  readonly candidates: readonly VariantCandidate[];
  readonly label: string;
  readonly engine: CacheEngine;
  readonly caller: Caller;
}

const reasonOf = ({ candidates }: ChoiceParts, name: VariantName): string =>
  candidates.find(({ variant }) => variant === name)?.reason ?? '';

/** The best variant, or one that is cached where the best cannot be fetched. */
async function firstToHave(parts: ChoiceParts): Promise<Choice> {
  const { requests, order, candidates, engine, caller } = parts;
  const [best] = order as [VariantName];
  const request = requests.get(best) as LoadRequest;
  try {
    return {
      loaded: await engine.load(request, caller),
      request,
      variant: best,
      reason: reasonOf(parts, best),
      candidates,
    };
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    for (const name of order.slice(1)) {
      const other = requests.get(name) as LoadRequest;
      if (!(await isCached(other, engine))) continue;
      const loaded = await engine.load({ ...other, revalidate: 'never' }, caller);
      const reason = `${best} is not cached and its server cannot be reached; ${name} is cached`;
      return { loaded, request: other, variant: name, reason, candidates };
    }
    throw error;
  }
}

function isUnreachable(error: unknown): boolean {
  return FairleadError.isInstance(error) && ['MODEL_NOT_FOUND', 'REMOTE_FAILED'].includes(error.code);
}

async function isCached({ digest, address }: LoadRequest, engine: CacheEngine): Promise<boolean> {
  try {
    const index = await (await engine.store()).read();
    const known = digest ?? index.addresses[address]?.digest;
    return known !== undefined && index.models[known] !== undefined;
  } catch {
    return false; // The load that comes next tells of the storage.
  }
}

/** The fastest variant, by what was measured on such a device, now or on an earlier visit; undefined where none could be measured. */
async function fastest(
  parts: ChoiceParts,
  measure: NonNullable<CachedModelSettings['measure']>,
): Promise<Choice | undefined> {
  const { requests, order, label, engine, caller } = parts;
  const times = new Map<VariantName, number>();
  const troubles = new Map<VariantName, string>();
  const loadedNow = new Map<VariantName, Loaded>();
  for (const name of order) {
    const request = requests.get(name) as LoadRequest;
    const remembered = await rememberedSpeed(request, label, engine);
    if (remembered !== undefined) {
      times.set(name, remembered);
      continue;
    }
    try {
      const loaded = await engine.load(request, caller);
      loadedNow.set(name, loaded);
      const call = { variant: name, ...(caller.signal === undefined ? {} : { signal: caller.signal }) };
      const milliseconds = await measure(loaded.model, call);
      if (!(milliseconds >= 0 && milliseconds < Infinity)) {
        throw new FairleadError('INVALID_ARGUMENT', `measure() answered ${milliseconds} in place of milliseconds`);
      }
      times.set(name, milliseconds);
      await rememberSpeed(request, label, milliseconds, engine);
    } catch (error) {
      if (caller.signal?.aborted) throw error;
      troubles.set(name, messageOf(error));
    }
  }
  const winner = [...times].sort(([, one], [, other]) => one - other)[0]?.[0];
  const candidates = parts.candidates.map((candidate): VariantCandidate => {
    const time = times.get(candidate.variant);
    const trouble = troubles.get(candidate.variant);
    if (time !== undefined) return { ...candidate, reason: `measured at ${time} ms` };
    return trouble === undefined
      ? candidate
      : { ...candidate, eligible: false, reason: `it could not be measured: ${trouble}` };
  });
  if (winner === undefined) return undefined;
  const request = requests.get(winner) as LoadRequest;
  try {
    const loaded = loadedNow.get(winner) ?? (await engine.load(request, caller));
    return {
      loaded,
      request,
      variant: winner,
      reason: `the fastest on this device, ${times.get(winner)} ms`,
      candidates,
    };
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    return undefined; // The rules find one that can be had.
  }
}

/** Speeds are those of a file on a kind of device. */
const speedKey = ({ digest, address }: LoadRequest, label: string): string => `${digest ?? address} ${label}`;

async function rememberedSpeed(request: LoadRequest, label: string, engine: CacheEngine): Promise<number | undefined> {
  try {
    return (await (await engine.store()).read()).speeds[speedKey(request, label)]?.milliseconds;
  } catch {
    return undefined; // The load that comes next tells of the storage.
  }
}

async function rememberSpeed(
  request: LoadRequest,
  label: string,
  milliseconds: number,
  { store, clock, settings }: CacheEngine,
): Promise<void> {
  try {
    const measuredAt = clock.epochMs();
    await (await store()).update((index) => {
      index.speeds[speedKey(request, label)] = { milliseconds, measuredAt };
    });
  } catch (error) {
    settings.logger.warn({ error }, `The speed of ${request.url.shown} could not be remembered: ${messageOf(error)}`);
  }
}

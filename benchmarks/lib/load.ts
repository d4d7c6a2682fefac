/** Drives a closed load: so many callers, each of which asks again as soon as it has its answer. */
export interface Load {
  readonly callers: number;
  /** Milliseconds. */
  readonly durationMs: number;
  /** Sends one request; `index` counts over all callers. */
  readonly request: (index: number) => Promise<unknown>;
}

/** What a load came to. */
export interface LoadResult {
  /** Answers a second. */
  readonly perSecond: number;
  /** Latencies in milliseconds, ascending; empty unless asked for. */
  readonly latencies: Float64Array;
}

/** Requests between two looks at the clock: to look at each would cost a tenth of what the smallest models take. */
const lookEvery = 64;

/** Runs a load to its end. `latencies: true` times each request, which costs about 0.1 µs. */
export async function drive(load: Load, options: { readonly latencies?: boolean } = {}): Promise<LoadResult> {
  const { callers, durationMs, request } = load;
  const times: number[] = [];
  const startedAt = performance.now();
  const endAt = startedAt + durationMs;
  let index = 0;
  let answered = 0;
  let isOver = durationMs <= 0;
  // Where answers come without a turn of the event loop no timer ends a load, and where they take long no count does.
  const timer = setTimeout(() => {
    isOver = true;
  }, durationMs);
  const timedCall = async (): Promise<void> => {
    for (let now = performance.now(); now < endAt; ) {
      await request(index++);
      answered++;
      const after = performance.now();
      times.push(after - now);
      now = after;
    }
  };
  /** All callers, each a chain of callbacks: an async function for each costs a twentieth of what the smallest models take. */
  const callAll = (): Promise<void> =>
    new Promise((resolve, reject) => {
      let calling = callers;
      const call = (): void => {
        if (!isOver) request(index++).then(next, reject);
        else if (--calling === 0) resolve();
      };
      const next = (): void => {
        answered++;
        if (answered % lookEvery === 0 && performance.now() >= endAt) isOver = true;
        call();
      };
      for (let caller = 0; caller < callers; caller++) call();
    });
  await (options.latencies === true ? Promise.all(Array.from({ length: callers }, timedCall)) : callAll());
  clearTimeout(timer);
  const perSecond = (answered / (performance.now() - startedAt)) * 1000;
  return { perSecond, latencies: Float64Array.from(times).sort() };
}

/** A quantile of ascending values, by the nearest rank. */
export function quantile(ascending: Float64Array, q: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(q * ascending.length))] ?? Number.NaN;
}

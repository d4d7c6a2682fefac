import { drive } from '../../lib/load';
import { type Contestant, type ContestantName, openContestant, type PageModel } from './contestants';

/** Callers who each ask again as soon as they have their answer. */
export interface PageLoad {
  readonly callers: number;
  /** Rows of each request. */
  readonly rows: number;
  /** Milliseconds. */
  readonly durationMs: number;
}

/** One caller who asks two contestants in turn. */
export interface PairLoad {
  /** Rows of each request. */
  readonly rows: number;
  /** Milliseconds. */
  readonly durationMs: number;
}

/** Requests to one contestant before it is the other's turn. */
const turnRequests = 4;

/** A load whose callers may leave the page a turn of its event loop after each answer, as those on the main thread have to. */
export interface FrameLoad extends PageLoad {
  readonly withTurns?: boolean;
}

/** The frames of a while. */
export interface Frames {
  /** Milliseconds between one animation frame and the next, in their order. */
  readonly gaps: readonly number[];
  /** Answers meanwhile. */
  readonly answers: number;
}

interface Opened {
  readonly contestant: Contestant;
  readonly rowElements: number;
}

const opened = new Map<number, Opened>();
let nextHandle = 0;

/** Makes requests of random rows, a few batches that are used in turn. */
function requestsTo(handle: number, rows: number): (index: number) => Promise<Float32Array> {
  const { contestant, rowElements } = opened.get(handle) as Opened;
  const batches = Array.from({ length: 8 }, () => Float32Array.from({ length: rows * rowElements }, Math.random));
  return (index) => contestant.run(batches[index % batches.length] as Float32Array, rows);
}

/** Lets what waits in the event loop come first: input, timers, frames. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Records the gaps between animation frames for as long as some work takes, and until the first frame after it. */
async function framesDuring(work: () => Promise<number>): Promise<Frames> {
  const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));
  const times: number[] = [];
  let over = false;
  await frame();
  times.push(performance.now());
  const recording = (async () => {
    while (!over) {
      await frame();
      times.push(performance.now());
    }
  })();
  const answers = await work();
  over = true;
  await recording;
  return { gaps: times.slice(1).map((time, index) => time - (times[index] as number)), answers };
}

/** What measures in the page. */
export const measurer = {
  isolated: globalThis.crossOriginIsolated,

  /** Opens a model; resolves to the handle that the other calls take. */
  async open(name: ContestantName, model: PageModel, options?: { readonly maxBatchRows?: number }): Promise<number> {
    const contestant = await openContestant(name, model, options);
    const handle = nextHandle++;
    opened.set(handle, { contestant, rowElements: model.shape.reduce((product, size) => product * size, 1) });
    return handle;
  },

  async close(handle: number): Promise<void> {
    const { contestant } = opened.get(handle) as Opened;
    opened.delete(handle);
    await contestant.close();
  },

  /** The outputs of one batch of fixed rows, so that contestants can be held against each other. */
  async outputs(handle: number, rows: number): Promise<number[]> {
    const { contestant, rowElements } = opened.get(handle) as Opened;
    const data = Float32Array.from({ length: rows * rowElements }, (_, index) => Math.sin(index));
    return Array.from(await contestant.run(data, rows));
  },

  /** Drives a load; latencies in milliseconds, ascending. */
  async drive(
    handle: number,
    { callers, rows, durationMs }: PageLoad,
  ): Promise<{ perSecond: number; latencies: number[] }> {
    const request = requestsTo(handle, rows);
    const { perSecond, latencies } = await drive({ callers, durationMs, request }, { latencies: true });
    return { perSecond, latencies: Array.from(latencies) };
  },

  /**
   * One caller asks two contestants in turn, a few requests each, so that both see the same machine at the same time; the
   * first request of a turn, for which a worker may have to wake up, counts as any other.
   *
   * @returns the latencies of each in milliseconds, ascending
   */
  async drivePair(handles: readonly [number, number], { rows, durationMs }: PairLoad): Promise<[number[], number[]]> {
    const requests = handles.map((handle) => requestsTo(handle, rows));
    const latencies: [number[], number[]] = [[], []];
    const endAt = performance.now() + durationMs;
    for (let turn = 0; performance.now() < endAt; turn++) {
      // First, second, second, first: neither always comes after the other.
      for (const which of turn % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        const request = requests[which] as (typeof requests)[number];
        for (let index = 0; index < turnRequests; index++) {
          const askedAt = performance.now();
          await request(turn * turnRequests + index);
          latencies[which].push(performance.now() - askedAt);
        }
      }
    }
    const ascending = (values: number[]): number[] => values.sort((a, b) => a - b);
    return [ascending(latencies[0]), ascending(latencies[1])];
  },

  /** The frames of the page at rest. */
  idleFrames(durationMs: number): Promise<Frames> {
    return framesDuring(async () => {
      await new Promise((resolve) => setTimeout(resolve, durationMs));
      return 0;
    });
  },

  /** The frames of the page under a load. */
  framesUnder(handle: number, { callers, rows, durationMs, withTurns = false }: FrameLoad): Promise<Frames> {
    const run = requestsTo(handle, rows);
    const request = withTurns ? (index: number) => run(index).then(nextTurn) : run;
    return framesDuring(async () => {
      const { perSecond } = await drive({ callers, durationMs, request });
      return (perSecond * durationMs) / 1000;
    });
  },
};

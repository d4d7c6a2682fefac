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

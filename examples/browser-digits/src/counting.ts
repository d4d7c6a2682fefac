/** Decides when a drawing counts as a digit that came in: once, when it is finished. */
export interface Counting {
  /** There is new ink: it is not finished. */
  inked(): void;
  /** The pen left the paper; what lies there may be finished. @param pixels undefined where nothing is left */
  lifted(pixels: Float32Array | undefined): void;
  /** The paper is empty again: what lay there is finished, and what comes is another digit. */
  cleared(): void;
}

/** Starts a timer; what it gives back stops it. */
export type StartTimer = (work: () => void, delayMs: number) => () => void;

/** A drawing is finished when the pen has rested for so long, in milliseconds: the next stroke of a 4 comes sooner. */
export const restMs = 1200;

const startTimeout: StartTimer = (work, delayMs) => {
  const timer = setTimeout(work, delayMs);
  return () => clearTimeout(timer);
};

/** @param count is called once for each drawing, with the pixels that lie on the paper then */
export function createCounting(count: (pixels: Float32Array) => void, startTimer = startTimeout): Counting {
  let waiting: Float32Array | undefined;
  let isCounted = false;
  let stop = (): void => undefined;
  const countNow = (): void => {
    stop();
    if (waiting === undefined || isCounted) return;
    isCounted = true;
    count(waiting);
  };
  return {
    inked: () => stop(),
    lifted(pixels) {
      stop();
      waiting = pixels;
      if (pixels !== undefined) stop = startTimer(countNow, restMs);
    },
    cleared() {
      countNow();
      waiting = undefined;
      isCounted = false;
    },
  };
}

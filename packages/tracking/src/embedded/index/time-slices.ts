/** How long the event loop may be kept at a time, in milliseconds. */
const sliceMs = 3;

/** For work of many small steps that must not hold up the event loop. */
export interface TimeSlices {
  /** Whether the loop should get its due before the next step: then await `yield()`. Costs next to nothing. */
  readonly due: () => boolean;
  readonly yield: () => Promise<void>;
}

/** Starts the first slice. */
export function createTimeSlices(): TimeSlices {
  let endAt = performance.now() + sliceMs;
  let steps = 0;
  return {
    due: () => (++steps & 15) === 0 && performance.now() >= endAt,
    yield: async () => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      endAt = performance.now() + sliceMs;
    },
  };
}

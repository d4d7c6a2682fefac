import { type DriftSummary, type DriftWatch, watchDrift } from './drift';
import { type ModelListeners, type OpenedModel, openModel } from './model';
import { createReader, type Pace, type Reading } from './reader';
import { type Change, changePixels, type Sample } from './samples';
import type { Drawing } from './strokes';

/** Everything that needs the model: what reads, and what watches. */
export interface Machine {
  readonly model: OpenedModel;
  readonly pace: Pace;
  readonly drift: DriftSummary;
  readDrawing(drawing: Drawing): Promise<Reading>;
  readPicture(pixels: Float32Array): Promise<Reading>;
  /** Counts a digit that came in. */
  count(pixels: Float32Array): void;
  /** Reads samples all at once, so that they share a batch, and counts them. @returns how many were read right */
  feed(samples: readonly Sample[], change: Change): Promise<number>;
  /** Forgets what came in. */
  forget(): void;
}

/**
 * Opens the model and begins to watch.
 * @throws FairleadError as `openModel` does
 */
export async function startMachine(listeners: ModelListeners): Promise<Machine> {
  const model = await openModel(listeners);
  const reader = createReader(model.runner);
  let watch: DriftWatch = watchDrift(model.reference);
  return {
    model,
    get pace() {
      return reader.pace;
    },
    get drift() {
      return watch.summary();
    },
    readDrawing: reader.readDrawing,
    readPicture: reader.readPicture,
    count: (pixels) => watch.observe(pixels),
    async feed(samples, change) {
      const pictures = samples.map(({ pixels }) => changePixels(pixels, change));
      const readings = await Promise.all(pictures.map((pixels) => reader.readPicture(pixels)));
      for (const pixels of pictures) watch.observe(pixels);
      return readings.filter(({ digit }, index) => digit === samples[index]?.digit).length;
    },
    forget() {
      void watch.close();
      watch = watchDrift(model.reference);
    },
  };
}

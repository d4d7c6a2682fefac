import type { ModelRunner, RunResult } from '@fairlead/core';
import { downsampleAll, pixelCount } from './downsample';
import { createRecent } from './recent';
import type { Drawing } from './strokes';

/** What the model makes of a digit. */
export interface Reading {
  readonly digit: number;
  /** The probability of each digit, 0 to 1. */
  readonly probabilities: readonly number[];
}

/** How fast answers come. */
export interface Pace {
  /** Median of the last answers, in milliseconds from the call to the answer; undefined before the first. */
  readonly medianMs: number | undefined;
  /** Milliseconds of the last answers, the newest last. */
  readonly lastMs: readonly number[];
  /** Rows of the batch that the last answer came in. */
  readonly batchRows: number;
  /** Rows of the largest batch so far. */
  readonly largestBatch: number;
}

/** Asks the model. */
export interface Reader {
  readonly pace: Pace;
  /** Reads a drawing in several looks, as one request, and takes the mean. */
  readDrawing(drawing: Drawing): Promise<Reading>;
  /** Reads one picture. Pictures that are asked for at the same time share a batch. */
  readPicture(pixels: Float32Array): Promise<Reading>;
}

const digitCount = 10;
const remembered = 50;

/** Makes a reader of a runner. */
export function createReader(runner: ModelRunner): Reader {
  const latencies = createRecent(remembered);
  let batchRows = 0;
  let largestBatch = 0;

  async function run(pixels: Float32Array): Promise<Reading> {
    const startedAt = performance.now();
    const { outputs, batchSize } = await runner.run({ pixels });
    latencies.add(performance.now() - startedAt);
    batchRows = batchSize;
    largestBatch = Math.max(largestBatch, batchSize);
    return meanOf(outputs, pixels.length / pixelCount);
  }

  return {
    get pace() {
      return { medianMs: latencies.median(), lastMs: latencies.values, batchRows, largestBatch };
    },
    readDrawing: (drawing) => run(downsampleAll(drawing)),
    readPicture: run,
  };
}

function meanOf({ probabilities }: RunResult['outputs'], rows: number): Reading {
  if (probabilities === undefined) throw new Error('the model gives no output "probabilities"');
  const means = new Array<number>(digitCount).fill(0);
  for (let index = 0; index < rows * digitCount; index++) {
    const digit = index % digitCount;
    means[digit] = (means[digit] as number) + Number(probabilities.data[index]) / rows;
  }
  return { digit: means.indexOf(Math.max(...means)), probabilities: means };
}

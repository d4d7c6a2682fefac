import { darkest, pixelCount, side } from './downsample';

/** A digit that somebody wrote, which the model was never trained on. */
export interface Sample {
  readonly pixels: Float32Array;
  readonly digit: number;
}

/** What is done to samples before they are fed. */
export type Change = 'none' | 'inverted' | 'shifted';

const radix = darkest + 1;

/** Reads a row of `virtual:digits`. */
export function decodeSample(row: string): Sample {
  const values = [...row].map((character) => Number.parseInt(character, radix));
  return { pixels: Float32Array.from(values.slice(0, pixelCount)), digit: values[pixelCount] as number };
}

/** Changes a picture as a wrong camera or a wrong crop would. */
export function changePixels(pixels: Float32Array, change: Change): Float32Array {
  switch (change) {
    case 'none':
      return pixels;
    case 'inverted':
      return pixels.map((value) => darkest - value);
    case 'shifted':
      return pixels.map((_, index) => (index % side === 0 ? 0 : (pixels[index - 1] as number)));
  }
}

/** The samples in their order, over and over. */
export interface SampleReel {
  /** The next so many. */
  next(count: number): Sample[];
  /** The next one that shows a digit; others are passed over by this only. */
  nextOf(digit: number): Sample;
}

/** A reel of rows as `virtual:digits` has them. */
export function createSampleReel(rows: readonly string[]): SampleReel {
  const samples = rows.map(decodeSample);
  const sampleAt = (index: number): Sample => samples[index % samples.length] as Sample;
  const shown = new Map<number, number>();
  let fed = 0;
  return {
    next: (count) => Array.from({ length: count }, () => sampleAt(fed++)),
    nextOf(digit) {
      const after = shown.get(digit) ?? -1;
      const step = samples.findIndex((_, index) => sampleAt(after + 1 + index).digit === digit);
      if (step < 0) throw new Error(`no sample shows a ${digit}`);
      const index = (after + 1 + step) % samples.length;
      shown.set(digit, index);
      return sampleAt(index);
    },
  };
}

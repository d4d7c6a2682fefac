import {
  createFeatureSketch,
  createHeavyHitters,
  createHyperLogLog,
  createLogBuckets,
  createMoments,
  createReservoir,
  createWindow,
} from '@fairlead/core/monitoring';

/** A sketch that is filled: `observe` takes in about so many values and says how many they were. */
export interface SketchSubject {
  /** Makes an empty sketch, whose size is of interest. */
  readonly create: () => unknown;
  /** Makes what fills one, again and again. */
  readonly fill: () => (values: number) => number;
}

/** Values of a feature: normal, with a deviation of 3 about 10, so that few are negative. */
export const numbers = Float64Array.from({ length: 65_536 }, (_, i) => {
  const [first, second] = [((i * 0.754877666) % 1) + 1e-9, (i * 0.569840291) % 1];
  return 10 + 3 * Math.sqrt(-2 * Math.log(first)) * Math.cos(2 * Math.PI * second);
});
/** Names of which a few are frequent: the i-th has a share of about 1 / i. */
const names = Array.from({ length: 65_536 }, (_, i) => `item-${Math.floor(Math.exp(((i * 0.754877666) % 1) * 8))}`);
const features = 64;
const batchRows = 64;
const batch = Float32Array.from(numbers.subarray(0, features * batchRows));

function oneByOne<Value>(values: ArrayLike<Value>, add: (value: Value) => void): (count: number) => number {
  let at = 0;
  return (count) => {
    for (let i = 0; i < count; i++) {
      add(values[at] as Value);
      at = (at + 1) & 65_535;
    }
    return count;
  };
}

function byColumn(sketch: { addColumn(data: ArrayLike<number>): void }): (count: number) => number {
  return (count) => {
    let done = 0;
    for (; done < count; done += numbers.length) sketch.addColumn(numbers);
    return done;
  };
}

export const sketchSubjects = {
  'log buckets, one by one': {
    create: createLogBuckets,
    fill: () => {
      const sketch = createLogBuckets();
      return oneByOne(numbers, (value) => sketch.add(value));
    },
  },
  'log buckets, a column': { create: createLogBuckets, fill: () => byColumn(createLogBuckets()) },
  'moments, one by one': {
    create: createMoments,
    fill: () => {
      const sketch = createMoments();
      return oneByOne(numbers, (value) => sketch.add(value));
    },
  },
  'moments, a column': { create: createMoments, fill: () => byColumn(createMoments()) },
  'HyperLogLog, numbers': {
    create: createHyperLogLog,
    fill: () => {
      const sketch = createHyperLogLog();
      return oneByOne(numbers, (value) => sketch.add(value));
    },
  },
  'HyperLogLog, texts': {
    create: createHyperLogLog,
    fill: () => {
      const sketch = createHyperLogLog();
      return oneByOne(names, (value) => sketch.add(value));
    },
  },
  'heavy hitters, texts': {
    create: createHeavyHitters,
    fill: () => {
      const sketch = createHeavyHitters();
      return oneByOne(names, (value) => sketch.add(value));
    },
  },
  'reservoir of 256, one by one': {
    create: createReservoir,
    fill: () => {
      const sketch = createReservoir();
      return oneByOne(numbers, (value) => sketch.add(value));
    },
  },
  'feature sketches, 64 features by 64 rows': {
    create: createFeatureSketch,
    fill: () => {
      const sketches = Array.from({ length: features }, () => createFeatureSketch());
      return (count) => {
        let done = 0;
        for (; done < count; done += batch.length) {
          for (let feature = 0; feature < features; feature++) {
            sketches[feature]?.addColumn(batch, feature, features, batchRows);
          }
        }
        return done;
      };
    },
  },
  'feature sketch in a window of ten buckets, columns of 64': {
    create: () => createWindow({ create: createFeatureSketch, by: 'rows', size: 10_240 }),
    fill: () => {
      const window = createWindow({ create: createFeatureSketch, by: 'rows', size: 10_240 });
      return (count) => {
        let done = 0;
        for (; done < count; done += batchRows) {
          window.bucket().addColumn(batch, 0, features, batchRows);
          window.addRows(batchRows);
        }
        return done;
      };
    },
  },
} satisfies Record<string, SketchSubject>;

/** The name of a subject. */
export type SketchName = keyof typeof sketchSubjects;

import type { Tensor } from '../tensor/tensor';

/** How predictions are counted: by class, never by value. */
export interface PredictionClasses {
  /**
   * The output that tells the class: one value a row that is the class itself, or as many scores a row as there are classes, of
   * which the highest counts.
   */
  readonly output: string;
  /** The classes, in the order of the scores, or how many there are: 0, 1, 2, … At most 1024. */
  readonly classes: number | readonly (string | number)[];
}

/** Puts rows of an output into classes. */
export interface ClassReader {
  readonly output: string;
  /** Classes, without the place for those that are not known. */
  readonly size: number;
  /** The class of a row: its place, or `size` where it is none of them. */
  classOf(tensor: Tensor, row: number, rows: number): number;
}

/** Names of the classes. */
export function classNames(classes: PredictionClasses['classes']): string[] {
  return typeof classes === 'number'
    ? Array.from({ length: classes }, (_, place) => String(place))
    : classes.map(String);
}

/** Makes a reader of classes. */
export function readClasses({ output, classes }: PredictionClasses): ClassReader {
  const names = classNames(classes);
  const size = names.length;
  const places = new Map(names.map((name, place) => [name, place]));
  return {
    output,
    size,
    classOf({ data }, row, rows) {
      const width = rows > 0 ? data.length / rows : 0;
      // As a text, so that 3, 3n and "3" are one class.
      if (width === 1) return places.get(String(data[row])) ?? size;
      if (width !== size) return size;
      let best = size;
      let most = Number.NEGATIVE_INFINITY;
      for (let place = 0; place < size; place++) {
        const score = Number(data[row * width + place]);
        if (score > most) [best, most] = [place, score];
      }
      return best;
    },
  };
}

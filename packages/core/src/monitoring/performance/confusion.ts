/**
 * Counts of rows by actual and predicted class: cell [actual · classes + predicted]. Whole where labels are known,
 * fractions where they are expected.
 */
export interface Confusion {
  readonly classes: number;
  readonly cells: Float64Array;
}

/** An empty confusion matrix. */
export function emptyConfusion(classes: number): Confusion {
  return { classes, cells: new Float64Array(classes * classes) };
}

/** The rows of one class, by what became of them. */
export interface ClassCounts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

/** Counts of one class against all others. */
export function countsOf({ classes, cells }: Confusion, index: number): ClassCounts {
  let actual = 0;
  let predicted = 0;
  for (let other = 0; other < classes; other++) {
    actual += cells[index * classes + other] as number;
    predicted += cells[other * classes + index] as number;
  }
  const truePositives = cells[index * classes + index] as number;
  return { truePositives, falsePositives: predicted - truePositives, falseNegatives: actual - truePositives };
}

/** Rows in all. */
export function totalOf({ cells }: Confusion): number {
  let total = 0;
  for (const cell of cells) total += cell;
  return total;
}

/** Rows whose class was predicted. */
export function correctOf({ classes, cells }: Confusion): number {
  let correct = 0;
  for (let index = 0; index < classes; index++) correct += cells[index * (classes + 1)] as number;
  return correct;
}

/** A ratio of counts, as its numerator and denominator. */
export type CountRatio = 'precision' | 'recall' | 'f1';

/** Numerator and denominator of a ratio of one class; it is undefined where the denominator is 0. */
export function ratioOf(counts: ClassCounts, ratio: CountRatio): { readonly part: number; readonly whole: number } {
  const { truePositives, falsePositives, falseNegatives } = counts;
  if (ratio === 'precision') return { part: truePositives, whole: truePositives + falsePositives };
  if (ratio === 'recall') return { part: truePositives, whole: truePositives + falseNegatives };
  return { part: 2 * truePositives, whole: 2 * truePositives + falsePositives + falseNegatives };
}

/** Quality of one class against all others; `undefined` where nothing is to be divided by. */
export interface ClassReport {
  readonly precision: number | undefined;
  readonly recall: number | undefined;
  readonly f1: number | undefined;
  /** Rows that are of this class. */
  readonly support: number;
}

/** Precision, recall and F1 of one class. */
export function reportOf(counts: ClassCounts): ClassReport {
  const value = (ratio: CountRatio): number | undefined => {
    const { part, whole } = ratioOf(counts, ratio);
    return whole > 0 ? part / whole : undefined;
  };
  return {
    precision: value('precision'),
    recall: value('recall'),
    f1: value('f1'),
    support: counts.truePositives + counts.falseNegatives,
  };
}

/**
 * The mean of a ratio over the classes where it is defined, which is what scikit-learn computes with
 * `zero_division=nan`; `undefined` where it is nowhere. `gradient[cell]` receives its derivative by each cell.
 */
export function macroRatio(confusion: Confusion, ratio: CountRatio, gradient?: Float64Array): number | undefined {
  const { classes } = confusion;
  gradient?.fill(0);
  let sum = 0;
  let defined = 0;
  for (let index = 0; index < classes; index++) {
    const counts = countsOf(confusion, index);
    const { part, whole } = ratioOf(counts, ratio);
    if (whole <= 0) continue;
    defined++;
    sum += part / whole;
    if (gradient !== undefined) addGradient(gradient, classes, index, ratio, part, whole);
  }
  if (defined === 0) return undefined;
  if (gradient !== undefined)
    for (let cell = 0; cell < gradient.length; cell++) gradient[cell] = (gradient[cell] as number) / defined;
  return sum / defined;
}

function addGradient(
  gradient: Float64Array,
  classes: number,
  index: number,
  ratio: CountRatio,
  part: number,
  whole: number,
): void {
  // d(part / whole) by a cell that adds `a` to the part and `b` to the whole is a/whole − b·part/whole².
  const weight = ratio === 'f1' ? 2 : 1;
  const add = (cell: number, a: number, b: number): void => {
    gradient[cell] = (gradient[cell] as number) + a / whole - (b * part) / (whole * whole);
  };
  add(index * classes + index, weight, weight);
  for (let other = 0; other < classes; other++) {
    if (other === index) continue;
    if (ratio !== 'recall') add(other * classes + index, 0, 1);
    if (ratio !== 'precision') add(index * classes + other, 0, 1);
  }
}

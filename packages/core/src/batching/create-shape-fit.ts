import type { TensorSpec } from '../signature';
import { allocateData, type DataOf } from '../tensor/dtype';
import { elementCount, type Tensor } from '../tensor/tensor';
import { type Element, gather, type Region, regionOf, spread } from './padding';
import type { ShapeFit } from './shape-fit';
import { copyInto } from './slab';
import { createSplit, ownPart, sliceTensor } from './split';

/** One input of a {@link ShapeFit}. */
export interface FitInput {
  /** Shape of one row as it comes, and after padding. */
  readonly rowShape: readonly number[];
  readonly paddedRowShape: readonly number[];
  /** What fills the padding; undefined where the input has none. */
  readonly pad: Element | undefined;
}

/** An axis of an output that is cut back. */
export interface AxisCut {
  /** Counted with the batch axis. */
  readonly axis: number;
  readonly padded: number;
  readonly real: number;
}

/** One output of a {@link ShapeFit}. */
export interface FitOutput {
  readonly spec: TensorSpec;
  /** An axis that turns out to have another size than the padded one is left alone. */
  readonly cuts: readonly AxisCut[];
}

/** What a {@link ShapeFit} is made of. */
export interface ShapeFitParts {
  readonly inputs: readonly FitInput[];
  readonly outputs: readonly FitOutput[];
  readonly joinLarger: ShapeFit['joinLarger'];
  /** Told of rows that were copied into a slab. */
  readonly onPlaced: (rows: number) => void;
  /** Told of rows that were answered. */
  readonly onAnswered: (rows: number) => void;
}

interface InputCopy {
  /** Elements of a padded row. */
  readonly rowElements: number;
  /** Undefined where a row is whole as it comes; there is no padding then. */
  readonly region: Region | undefined;
  readonly pad: Element;
}

/** Makes a fit; what can be found out once for requests of one size is found out here. */
export function createShapeFit({ inputs, outputs, joinLarger, onPlaced, onAnswered }: ShapeFitParts): ShapeFit {
  const copies = inputs.map(
    ({ rowShape, paddedRowShape, pad }): InputCopy => ({
      rowElements: elementCount(paddedRowShape),
      region: regionOf(rowShape, paddedRowShape),
      pad: pad as Element,
    }),
  );
  const specs = outputs.map(({ spec }) => spec);
  const cutsNothing = outputs.every(({ cuts }) => cuts.length === 0);
  return {
    rowShapes: inputs.map(({ paddedRowShape }) => paddedRowShape),
    joinLarger,
    place(targets, tensors, start, rows) {
      onPlaced(rows);
      for (let index = 0; index < copies.length; index++) {
        const { rowElements, region, pad } = copies[index] as InputCopy;
        const target = targets[index] as DataOf;
        const { data } = tensors[index] as Tensor;
        if (region === undefined) copyInto(target, data, start * rowElements);
        else spread(target, start * rowElements, data, region, rows, pad);
      }
    },
    cut(answers, start, rows, batchRows) {
      onAnswered(rows);
      const part = rows === batchRows ? undefined : { start, rows };
      if (cutsNothing) return part === undefined ? answers : createSplit(answers, specs)(start, rows);
      const own: Record<string, Tensor> = {};
      for (const { spec, cuts } of outputs) own[spec.name] = cutTensor(answers[spec.name] as Tensor, cuts, part);
      return own;
    },
  };
}

/** Some rows of a tensor, or all of it, with axes cut back to their real sizes. */
function cutTensor(
  tensor: Tensor,
  cuts: readonly AxisCut[],
  part: { readonly start: number; readonly rows: number } | undefined,
): Tensor {
  const { dtype, data, shape } = tensor;
  const fitting = cuts.filter(({ axis, padded }) => shape[axis] === padded);
  if (fitting.length === 0) return part === undefined ? tensor : sliceTensor(tensor, part.start, part.rows);
  const padded = shape.slice();
  if (part !== undefined) padded[0] = part.rows;
  const real = padded.slice();
  for (const { axis, real: size } of fitting) real[axis] = size;
  const from = part === undefined ? 0 : part.start * (data.length / (shape[0] as number));
  const region = regionOf(real, padded);
  if (region === undefined) return tensor;
  const { repeats, realElements } = region;
  // What lies in one piece can be taken as such.
  if (repeats === 1 && region.real.length === 1) {
    return { dtype, shape: real, data: ownPart(dtype, data, from, from + realElements) };
  }
  const own = allocateData(dtype, repeats * realElements);
  gather(own, data, from, region, 1);
  return { dtype, shape: real, data: own };
}

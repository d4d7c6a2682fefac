import type { Admitted } from '../runner/door';
import type { TensorSpec } from '../signature';
import { bytesPerElement, type DType } from '../tensor/dtype';

/** How one input of a shape bucket lies in memory. */
export interface InputLayout {
  readonly name: string;
  readonly dtype: DType;
  /** The shape of one row: that of the input without its batch axis. */
  readonly rowShape: readonly number[];
  /** Elements of one row. */
  readonly rowElements: number;
}

/** How requests of one shape lie in memory; requests with the same layout can share a batch. */
export interface BatchLayout {
  readonly key: string;
  readonly inputs: readonly InputLayout[];
  /** Bytes of one row over all inputs. */
  readonly rowBytes: number;
  /** Whether rows have an axis of their own. */
  readonly hasRows: boolean;
  /** Whether rows of several requests may share a batch. */
  readonly joinable: boolean;
}

/** Layouts of a model by shape key. The number of shapes is the callers' choice, so it is bounded. */
const maxLayouts = 256;

/**
 * Finds the layout of a request; makes it when the shape is new. Requests of a group of their own have a layout of their own, of the
 * same key: they share no batch with others, and cost what others cost.
 */
export function createLayouts(
  specs: readonly TensorSpec[],
  batchAxis: number | null,
  joinable: boolean,
): (request: Admitted, group?: string) => BatchLayout {
  const layouts = new Map<string, BatchLayout>();
  return (request, group) => {
    const key = group === undefined ? request.shapeKey : `${group}\n${request.shapeKey}`;
    const known = layouts.get(key);
    if (known !== undefined) return known;
    const layout = layoutOf(specs, batchAxis, joinable, request);
    if (layouts.size >= maxLayouts) layouts.delete(layouts.keys().next().value as string);
    layouts.set(key, layout);
    return layout;
  };
}

function layoutOf(
  specs: readonly TensorSpec[],
  batchAxis: number | null,
  joinable: boolean,
  request: Admitted,
): BatchLayout {
  let rowBytes = 0;
  const inputs = specs.map((spec, index): InputLayout => {
    const shape = request.tensors[index]?.shape ?? [];
    const rowShape = request.fit?.rowShapes[index] ?? shape.filter((_, axis) => axis !== batchAxis);
    const rowElements = rowShape.reduce((product, size) => product * size, 1);
    rowBytes += rowElements * bytesPerElement(spec.dtype);
    return { name: spec.name, dtype: spec.dtype, rowShape, rowElements };
  });
  return { key: request.shapeKey, inputs, rowBytes, hasRows: batchAxis !== null, joinable };
}

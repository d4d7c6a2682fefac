import type { Tensor, Tensors } from '@fairlead/core';

/** Rows that a model is known to compute, to try a worker on: a copy of the largest batch so far that is not too large. */
export interface Sample {
  /** A batch was computed. */
  observe(inputs: Tensors): void;
  /** Whether any batch was, also one too large to be kept. */
  readonly hasSeen: boolean;
  /** The rows; undefined where none are kept. */
  readonly inputs: Tensors | undefined;
}

/** Most elements of a batch that is kept: 4 MiB of float32. */
const mostElements = 2 ** 20;

/** Makes a sample of nothing. */
export function createSample(): Sample {
  let kept: Tensors | undefined;
  let largest = -1;
  let hasSeen = false;
  return {
    observe(inputs) {
      hasSeen = true;
      let elements = 0;
      for (const name in inputs) elements += (inputs[name] as Tensor).data.length;
      if (elements <= largest || elements > mostElements) return;
      largest = elements;
      kept = copyOf(inputs);
    },
    get hasSeen() {
      return hasSeen;
    },
    get inputs() {
      return kept;
    },
  };
}

function copyOf(inputs: Tensors): Tensors {
  const copies = Object.entries(inputs).map(([name, { dtype, shape, data }]) => {
    return [name, { dtype, shape: [...shape], data: data.slice() } as Tensor] as const;
  });
  return Object.fromEntries(copies);
}

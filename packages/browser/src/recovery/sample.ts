import { allocateData, elementCount, type Tensor, type Tensors } from '@fairlead/core';

/** Inputs that a model is known to compute: the shapes of the largest batch so far, without its values. */
export interface Sample {
  /** A batch was computed. */
  observe(inputs: Tensors): void;
  /** Zeros of those shapes; undefined before the first batch. */
  make(): Tensors | undefined;
}

/** Makes a sample of nothing. */
export function createSample(): Sample {
  let specs: readonly Omit<Tensor, 'data'>[] | undefined;
  let names: readonly string[] = [];
  let largest = -1;
  return {
    observe(inputs) {
      let elements = 0;
      for (const name in inputs) elements += (inputs[name] as Tensor).data.length;
      if (elements <= largest) return;
      largest = elements;
      names = Object.keys(inputs);
      specs = names.map((name) => {
        const { dtype, shape } = inputs[name] as Tensor;
        return { dtype, shape: [...shape] };
      });
    },
    make() {
      if (specs === undefined) return undefined;
      const tensors = specs.map(
        ({ dtype, shape }) => ({ dtype, shape, data: allocateData(dtype, elementCount(shape)) }) as Tensor,
      );
      return Object.fromEntries(tensors.map((tensor, index) => [names[index] as string, tensor]));
    },
  };
}

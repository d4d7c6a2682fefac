import { allocateData, elementCount, type Tensor, type Tensors } from '@fairlead/core';

// Tensors as they cross between a test and its page, where typed arrays and bigints would not survive.

/** A tensor in JSON. */
export interface WireTensor {
  readonly dtype: Tensor['dtype'];
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

/** Tensors in JSON. */
export type WireTensors = Readonly<Record<string, WireTensor>>;

/** Tensors on their way out. */
export function toWire(tensors: Tensors): WireTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => [
      name,
      { dtype, shape, data: Array.from(data as ArrayLike<number | bigint | string>, plain) },
    ]),
  );
}

/** Tensors on their way in. */
export function fromWire(wire: WireTensors): Tensors {
  return Object.fromEntries(
    Object.entries(wire).map(([name, { dtype, shape, data }]) => {
      const values = allocateData(dtype, elementCount(shape)) as { [index: number]: unknown };
      const isBig = values instanceof BigInt64Array || values instanceof BigUint64Array;
      for (const [index, value] of data.entries()) values[index] = isBig ? BigInt(value) : value;
      return [name, { dtype, shape, data: values } as unknown as Tensor];
    }),
  );
}

function plain(value: number | bigint | string): number | string {
  return typeof value === 'bigint' ? String(value) : value;
}

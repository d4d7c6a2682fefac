import type { ServedModel } from './catalog';

/**
 * What a protocol makes of a model's signature, made once a model: a decoder, for example. A model that is loaded anew is another
 * one, and what was made for the one before goes with it.
 */
export function perModel<T>(make: (model: ServedModel) => T): (model: ServedModel) => T {
  const made = new WeakMap<ServedModel, { readonly value: T }>();
  return (model) => {
    const known = made.get(model);
    if (known !== undefined) return known.value;
    const value = make(model);
    made.set(model, { value });
    return value;
  };
}

/** Something that a browser has, with what is known of it, or has not, and why. Plain data: it may be logged or sent. */
export type Feature<Facts extends object = object> =
  | ({ readonly available: true } & Facts)
  | { readonly available: false; readonly reason: string };

/** A feature that is missing. */
export function missing(reason: string): { readonly available: false; readonly reason: string } {
  return { available: false, reason };
}

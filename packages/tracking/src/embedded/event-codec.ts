import type { RunEvent } from '../store/run-store';

/*
 * JSON that keeps the numbers that JSON cannot say: NaN, the infinities and -0 are written as {"$number": "NaN"}. Nothing
 * that a user logs is an object, so the form is free.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Text of a value of plain objects, arrays, strings, booleans and any numbers. */
export function toText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'number' || (Number.isFinite(part) && !Object.is(part, -0))) return part;
    return { $number: Object.is(part, -0) ? '-0' : String(part) };
  });
}

/** The value of a text that {@link toText} wrote. @throws SyntaxError */
export function fromText(text: string): unknown {
  return JSON.parse(text, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    const { $number: number } = part as { $number?: unknown };
    return typeof number === 'string' && Object.keys(part).length === 1 ? Number(number) : part;
  });
}

/** The payload of an event's frame. */
export function encodeEvent(event: RunEvent): Uint8Array {
  return encoder.encode(toText(event));
}

/** The event in a payload; `undefined` when it is none that this version knows. */
export function decodeEvent(payload: Uint8Array): RunEvent | undefined {
  try {
    const event = fromText(decoder.decode(payload)) as RunEvent;
    return known.has(event.type) && Number.isFinite(event.at) ? event : undefined;
  } catch {
    // Its checksum held, so another version wrote it; the caller reports it.
    return undefined;
  }
}

/** The payload of a frame that names segments. */
export function encodeNames(names: readonly string[]): Uint8Array {
  return encoder.encode(JSON.stringify(names));
}

/** The names in such a payload, whose checksum held. */
export function decodeNames(payload: Uint8Array): ReadonlySet<string> {
  return new Set(JSON.parse(decoder.decode(payload)) as readonly string[]);
}

const known: ReadonlySet<unknown> = new Set<RunEvent['type']>([
  'start',
  'params',
  'tags',
  'artifact',
  'input',
  'use',
  'beat',
  'resume',
  'end',
  'lifecycle',
]);

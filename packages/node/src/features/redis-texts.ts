import { type FeatureElement, type FeatureValue, isFeatureValue, type StoredFeature } from '@fairlead/core/features';

/*
 * How values are texts in Redis. A number, true, false and most texts are themselves, so that other programs write and
 * read them without a library; arrays are JSON, and so is a text that begins like one.
 */

/** What comes after the name of a feature in the field that holds its time. */
export const timeSuffix = '@at';

export function encodeValue(value: FeatureValue): string {
  if (Array.isArray(value)) return JSON.stringify(value.map(plainElement));
  if (typeof value === 'string' && (value.startsWith('[') || value.startsWith('"'))) return JSON.stringify(value);
  return String(value);
}

/** JSON has neither big integers nor numbers that are none: as texts they are read back where numbers are asked for. */
function plainElement(element: FeatureElement): string | number | boolean {
  if (typeof element === 'bigint') return String(element);
  return typeof element === 'number' && !Number.isFinite(element) ? String(element) : element;
}

export function decodeValue(text: string): FeatureValue {
  if (!text.startsWith('[') && !text.startsWith('"')) return text;
  const value = parse(text);
  return isFeatureValue(value) ? value : text;
}

/** A feature of a field, and of the field with its time. */
export function decodeFeature(text: string | null, time: string | null): StoredFeature | undefined {
  if (text === null) return undefined;
  return withTime(decodeValue(text), time === null ? undefined : Number(time));
}

/** A document of a text: features and their times by field; undefined for what is none. */
export function parseDocument(text: string): Readonly<Record<string, unknown>> | undefined {
  const document = parse(text);
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined;
  return document as Readonly<Record<string, unknown>>;
}

/** A feature of a document; `null` there is no value. */
export function featureOf(document: Readonly<Record<string, unknown>>, name: string): StoredFeature | undefined {
  const value = Object.hasOwn(document, name) ? document[name] : undefined;
  if (!isFeatureValue(value)) return undefined;
  const time = Object.hasOwn(document, name + timeSuffix) ? document[name + timeSuffix] : undefined;
  return withTime(value, typeof time === 'number' ? time : undefined);
}

/** A document of features that were true at a time. */
export function encodeDocument(values: Readonly<Record<string, FeatureValue>>, atEpochMs: number): string {
  const document: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    document[name] = Array.isArray(value) ? value.map(plainElement) : plainElement(value as FeatureElement);
    document[name + timeSuffix] = atEpochMs;
  }
  return JSON.stringify(document);
}

function withTime(value: FeatureValue, atEpochMs: number | undefined): StoredFeature {
  // A time that is none is told as not known, rather than as fresh.
  return atEpochMs === undefined || !Number.isFinite(atEpochMs) || atEpochMs <= 0 ? { value } : { value, atEpochMs };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

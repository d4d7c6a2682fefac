import type { DataOf } from '../../tensor/dtype';
import type { LoggedValue, LoggedValues, PredictionRecord } from './prediction-record';

/**
 * What must not be kept: names of inputs and outputs (`email`) or of single values (`pixels[3]`, counted within the row), or a
 * function that answers the record as it may be kept, and `undefined` for one that may not be kept at all.
 */
export type Redaction = readonly string[] | ((record: PredictionRecord) => PredictionRecord | undefined);

/** Takes out of a record what must not be kept. */
export type Redactor = (record: PredictionRecord) => PredictionRecord | undefined;

const single = /^(.+)\[(\d+)\]$/;

/**
 * Makes a redactor. A named input is replaced by the mark that it was redacted; a single value by NaN, 0 where its type has no
 * NaN, or an empty text. Of a tensor with redacted values no summary is kept, since its extremes would tell them.
 */
export function createRedactor(redaction: Redaction | undefined): Redactor {
  if (redaction === undefined) return (record) => record;
  if (typeof redaction === 'function') return redaction;
  const whole = new Set<string>();
  const parts = new Map<string, number[]>();
  for (const name of redaction) {
    const match = single.exec(name);
    if (match === null) whole.add(name);
    else parts.set(match[1] as string, [...(parts.get(match[1] as string) ?? []), Number(match[2])]);
  }
  const redactValue = (name: string, value: LoggedValue): LoggedValue => {
    if (whole.has(name)) return { form: 'redacted' };
    const places = parts.get(name);
    if (places === undefined) return value;
    return value.form === 'full' ? blank(value, places) : { form: 'redacted' };
  };
  const redactAll = (values: LoggedValues): LoggedValues =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, redactValue(name, value)]));
  return (record) => ({ ...record, inputs: redactAll(record.inputs), outputs: redactAll(record.outputs) });
}

function blank({ tensor }: LoggedValue & { form: 'full' }, places: readonly number[]): LoggedValue {
  const { dtype, shape } = tensor;
  const data = tensor.data.slice() as DataOf;
  // The bits of NaN in a half float.
  const nothing = dtype === 'string' ? '' : dtype === 'float16' ? 0x7e00 : dtype.startsWith('float') ? Number.NaN : 0;
  const bigIntegers = dtype === 'int64' || dtype === 'uint64';
  for (const place of places) {
    if (place < data.length) (data as unknown[])[place] = bigIntegers ? 0n : nothing;
  }
  return { form: 'full', tensor: { dtype, shape, data } };
}

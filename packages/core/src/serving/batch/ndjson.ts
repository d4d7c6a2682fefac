import type { ModelSignature } from '../../signature';
import { readJson } from '../../tensor/json/lenient-json';
import type { BatchFormat, InputRow, OutputRow, RowReading } from './format';
import { outputOf, rowJson } from './row-values';
import { splitRecords, textOfRecord } from './split-records';

/** One value of JSON a line. */
export const ndjson: BatchFormat = {
  contentType: 'application/x-ndjson',
  aliases: ['application/ndjson', 'application/jsonl', 'application/x-jsonlines', 'application/jsonlines'],
  async *read(body, { decoder, maxRowBytes }: RowReading): AsyncGenerator<InputRow> {
    for await (const record of splitRecords(body, { maxBytes: maxRowBytes, quotes: false })) {
      let row: InputRow;
      try {
        const text = textOfRecord(record);
        if (text.trim() === '') continue;
        row = readJson(text, decoder.fromJson);
      } catch (error) {
        row = { id: undefined, error };
      }
      yield row;
    }
  },
  openWriter(signature) {
    const encoder = new TextEncoder();
    const nothing = new Uint8Array(0);
    return {
      begin: () => nothing,
      write: (rows) => encoder.encode(rows.map((row) => lineOf(row, signature)).join('')),
      end: () => nothing,
    };
  },
};

function lineOf({ index, id, outputs, error }: OutputRow, { outputs: specs, batchAxis }: ModelSignature): string {
  const place = index === undefined ? '' : `"index":${index},`;
  const name = id === undefined ? '' : `"id":${JSON.stringify(id)},`;
  if (error !== undefined || outputs === undefined) return `{${place}${name}${JSON.stringify(error).slice(1)}\n`;
  const values = specs.map(
    (spec) => `${JSON.stringify(spec.name)}:${rowJson(outputOf(outputs, spec.name), batchAxis)}`,
  );
  return `{${place}${name}"outputs":{${values.join(',')}}}\n`;
}

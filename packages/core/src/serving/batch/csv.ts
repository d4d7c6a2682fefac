import { FairleadError } from '../../errors';
import { writeField } from '../csv/field';
import { cellsOf } from './csv-cells';
import type { BatchFormat, InputRow, OutputRow, RowDecoder, RowReading } from './format';
import { elementTexts, fixedElements, outputOf, rowJson } from './row-values';
import { splitRecords, textOfRecord } from './split-records';

/** Comma-separated values whose first line names the columns. */
export const csv: BatchFormat = {
  contentType: 'text/csv',
  aliases: ['application/csv'],
  async *read(body, { decoder, maxRowBytes }: RowReading): AsyncGenerator<InputRow> {
    let decode: ReturnType<RowDecoder['forColumns']> | undefined;
    for await (const record of splitRecords(body, { maxBytes: maxRowBytes, quotes: true })) {
      if (decode === undefined) {
        // Without its columns nothing of the rest can be read.
        const header = textOfRecord(record).replace(/^\ufeff/, '');
        if (header.trim() === '') continue;
        decode = decoder.forColumns(
          cellsOf(header).map((name) => name.trim()),
          true,
        );
        continue;
      }
      let row: InputRow;
      try {
        const text = textOfRecord(record);
        if (text === '') continue;
        row = decode(cellsOf(text));
      } catch (error) {
        row = { id: undefined, error };
      }
      yield row;
    }
    if (decode !== undefined) return;
    const expected = 'a first line that names the columns';
    throw new FairleadError('INVALID_INPUT', `The CSV is empty: expected ${expected}.`, {
      details: { field: 'body', expected, given: 'nothing' },
    });
  },
  openWriter(signature) {
    const encoder = new TextEncoder();
    const columns = signature.outputs.map((spec) => {
      const elements = fixedElements(spec, signature);
      const isScalar = spec.shape.length - (signature.batchAxis === null ? 0 : 1) === 0;
      if (isScalar || elements === undefined) return { spec, names: [spec.name], isWhole: !isScalar };
      return { spec, names: Array.from({ length: elements }, (_, index) => `${spec.name}[${index}]`), isWhole: false };
    });
    const width = columns.reduce((sum, { names }) => sum + names.length, 0);
    const line = (row: OutputRow): string => {
      const { index, id, outputs, error } = row;
      const cells =
        outputs === undefined
          ? new Array<string>(width).fill('')
          : columns.flatMap(({ spec, isWhole }) => {
              const tensor = outputOf(outputs, spec.name);
              return isWhole ? [rowJson(tensor, signature.batchAxis)] : elementTexts(tensor);
            });
      const facts = [index === undefined ? '' : String(index), id === undefined ? '' : String(id)];
      return `${[...facts, ...cells, error?.error ?? '', error?.code ?? ''].map(writeField).join(',')}\n`;
    };
    return {
      begin: () => encoder.encode(`${headerOf(columns.flatMap(({ names }) => names))}\n`),
      write: (rows) => encoder.encode(rows.map(line).join('')),
      end: () => new Uint8Array(0),
    };
  },
};

function headerOf(outputs: readonly string[]): string {
  return ['index', 'id', ...outputs, 'error', 'code'].map(writeField).join(',');
}

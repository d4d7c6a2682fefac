import type { Tensors } from '../../tensor/tensor';
import { describeRow, invalidInput } from '../rows';
import { type Column, defaultFieldNames, type TensorFields, viewColumns } from './columns';
import type { DataRecord } from './infer-schema';
import type { SchemaInput } from './schema';

/** A batch of tensors as one column a field. */
export interface Batch {
  readonly rows: number;
  /** In the order of the fields. */
  readonly columns: readonly Column[];
}

/** Finds the fields of a monitor in tensors. */
export class TensorSource {
  readonly #fields: readonly string[];
  readonly #inputs: readonly SchemaInput[] | undefined;
  /** Inputs by name and width as they were last, and where each field lay in them. */
  #layout = '';
  #places: readonly { readonly input: number; readonly column: number }[] = [];

  /**
   * @param fields by name
   * @param inputs whose values the fields are, one by one; without them fields are found by their default names
   */
  constructor(fields: readonly string[], inputs: readonly SchemaInput[] | undefined) {
    this.#fields = fields;
    this.#inputs = inputs;
  }

  /** @throws FairleadError `INVALID_INPUT` when a field is missing, or has another dtype, width or number of rows */
  view(tensors: Tensors, batchAxis: number): Batch {
    if (typeof tensors !== 'object' || tensors === null) {
      throw invalidInput('inputs', 'tensors by name', describeRow(tensors));
    }
    return this.#inputs === undefined
      ? this.#viewByName(tensors, batchAxis)
      : this.#viewInputs(this.#inputs, tensors, batchAxis);
  }

  #viewInputs(inputs: readonly SchemaInput[], tensors: Tensors, batchAxis: number): Batch {
    const views = inputs.map(({ name, dtype, width }) => {
      const view = viewColumns(tensors, name, batchAxis);
      if (view.dtype !== dtype) throw invalidInput(`${name}.dtype`, `${dtype}, as the schema has`, view.dtype);
      if (view.width !== width)
        throw invalidInput(name, `${width} values a row, as the schema has`, String(view.width));
      return view;
    });
    return {
      rows: rowsOf(
        views,
        inputs.map(({ name }) => name),
      ),
      columns: views.flatMap(({ columns }) => columns),
    };
  }

  #viewByName(tensors: Tensors, batchAxis: number): Batch {
    const names = Object.keys(tensors);
    const views = names.map((name) => viewColumns(tensors, name, batchAxis));
    const layout = JSON.stringify(names.map((name, index) => [name, views[index]?.width]));
    if (layout !== this.#layout) {
      this.#places = this.#locate(names, views);
      this.#layout = layout;
    }
    const columns = this.#places.map(({ input, column }) => views[input]?.columns[column] as Column);
    return { rows: rowsOf(views, names), columns };
  }

  #locate(names: readonly string[], views: readonly TensorFields[]) {
    const places = new Map<string, { input: number; column: number }>();
    names.forEach((name, input) => {
      const fields = defaultFieldNames(name, views[input]?.width ?? 0);
      for (const [column, field] of fields.entries()) places.set(field, { input, column });
    });
    return this.#fields.map((field) => {
      const place = places.get(field);
      if (place !== undefined) return place;
      const known = [...places.keys()];
      const given = known.length > 20 ? `${known.slice(0, 20).join(', ')} …` : known.join(', ');
      throw invalidInput(field, 'a field of this name among the tensors, or a schema with inputs', given || 'none');
    });
  }
}

function rowsOf(views: readonly TensorFields[], names: readonly string[]): number {
  const rows = views[0]?.rows ?? 0;
  views.forEach((view, index) => {
    if (view.rows !== rows)
      throw invalidInput(names[index] ?? '', `${rows} rows, as the other inputs have`, `${view.rows}`);
  });
  return rows;
}

/** Checks that a row is a record. */
export function checkRecord(record: unknown): asserts record is DataRecord {
  const plain = typeof record === 'object' && record !== null && !Array.isArray(record) && !ArrayBuffer.isView(record);
  if (!plain || record instanceof Date) {
    throw invalidInput('record', 'a row by field name, such as { age: 31 }', describeRow(record));
  }
}

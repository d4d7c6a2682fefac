import { type DType, FairleadError, type ModelSignature, type Tensor, type TensorSpec } from '@fairlead/core';
import type { OutputRow, RowWriter } from '@fairlead/core/serving';
import type { Field as ArrowField, DataType } from 'apache-arrow';
import type { ArrowModule } from './arrow-columns';

/** Bytes of the mark at the end of a stream. */
const endMarkBytes = 8;

/** Writes answered rows as one stream of Arrow IPC, some of them in a batch. */
export function createArrowWriter(arrow: ArrowModule, signature: ModelSignature): RowWriter {
  const { batchAxis, outputs: specs } = signature;
  const { Field, Int64, RecordBatch, Schema, Struct, Table, Utf8, makeData, tableToIPC, vectorFromArray } = arrow;
  const types = specs.map((spec) => typeOf(arrow, spec, batchAxis));
  const fields: ArrowField[] = [
    new Field('index', new Int64(), true),
    new Field('id', new Utf8(), true),
    ...specs.map(({ name }, index) => new Field(name, types[index] as DataType, true)),
    new Field('error', new Utf8(), true),
    new Field('code', new Utf8(), true),
  ];
  const schema = new Schema(fields);
  const empty = tableToIPC(new Table(schema), 'stream');
  const headBytes = empty.byteLength - endMarkBytes;

  return {
    begin: () => empty.subarray(0, headBytes),
    write(rows) {
      const columns: unknown[][] = [
        rows.map(({ index }) => (index === undefined ? null : BigInt(index))),
        rows.map(({ id }) => (id === undefined ? null : String(id))),
        ...specs.map((spec) => rows.map((row) => cellOf(row, spec, batchAxis))),
        rows.map(({ error }) => error?.error ?? null),
        rows.map(({ error }) => error?.code ?? null),
      ];
      const children = columns.map((values, index) => {
        const [data] = vectorFromArray(values, (fields[index] as ArrowField).type).data;
        if (data === undefined) throw new FairleadError('OUTPUT_INVALID', 'A column of the answer cannot be written.');
        return data;
      });
      const data = makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children });
      const bytes = tableToIPC(new Table([new RecordBatch(schema, data)]), 'stream');
      // Without the schema, which came before, and the end mark, which comes last.
      return bytes.subarray(headBytes, bytes.byteLength - endMarkBytes);
    },
    end: () => empty.subarray(headBytes),
  };
}

/** A row of an output: one element, or lists nested like it. */
function typeOf(arrow: ArrowModule, { dtype, shape }: TensorSpec, batchAxis: number | null): DataType {
  const { Field, List } = arrow;
  let type = elementTypeOf(arrow, dtype);
  for (let axis = batchAxis === null ? 0 : 1; axis < shape.length; axis++)
    type = new List(new Field('item', type, false));
  return type;
}

function elementTypeOf(arrow: ArrowModule, dtype: DType): DataType {
  const types: Readonly<Record<DType, () => DataType>> = {
    float32: () => new arrow.Float32(),
    float64: () => new arrow.Float64(),
    float16: () => new arrow.Float32(),
    int8: () => new arrow.Int8(),
    int16: () => new arrow.Int16(),
    int32: () => new arrow.Int32(),
    int64: () => new arrow.Int64(),
    uint8: () => new arrow.Uint8(),
    uint16: () => new arrow.Uint16(),
    uint32: () => new arrow.Uint32(),
    uint64: () => new arrow.Uint64(),
    bool: () => new arrow.Bool(),
    string: () => new arrow.Utf8(),
  };
  return types[dtype]();
}

function cellOf({ outputs }: OutputRow, { name }: TensorSpec, batchAxis: number | null): unknown {
  if (outputs === undefined) return null;
  const tensor = outputs[name];
  if (tensor === undefined) {
    throw new FairleadError(
      'OUTPUT_INVALID',
      `The model's answer lacks the output "${name}" that its signature promises.`,
    );
  }
  const sizes = tensor.shape.filter((_size, axis) => axis !== batchAxis);
  const elements = elementsOf(tensor);
  let at = 0;
  const nest = (axis: number): unknown => {
    if (axis === sizes.length) return elements[at++];
    return Array.from({ length: sizes[axis] as number }, () => nest(axis + 1));
  };
  return nest(0);
}

function elementsOf({ dtype, data }: Tensor): readonly unknown[] {
  if (dtype === 'bool') return Array.from(data as Uint8Array, Boolean);
  if (dtype === 'float16') return Array.from(data as Uint16Array, halfToNumber);
  return Array.from(data as ArrayLike<unknown>);
}

/** The number that 16 bits stand for. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

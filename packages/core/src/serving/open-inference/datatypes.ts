import type { DType } from '../../tensor/dtype';

/** An element type as the Open Inference Protocol spells it. */
export type Datatype =
  | 'BOOL'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'FP16'
  | 'FP32'
  | 'FP64'
  | 'BYTES';

const datatypes: Readonly<Record<DType, Datatype>> = {
  float32: 'FP32',
  float64: 'FP64',
  float16: 'FP16',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  bool: 'BOOL',
  string: 'BYTES',
};

const dtypesByDatatype: ReadonlyMap<string, DType> = new Map(
  Object.entries(datatypes).map(([dtype, datatype]) => [datatype, dtype as DType]),
);

/** The protocol's name of a dtype; `string` travels as `BYTES`. */
export function datatypeOf(dtype: DType): Datatype {
  return datatypes[dtype];
}

/** The dtype of a datatype; undefined for anything that the protocol does not name. */
export function dtypeOf(datatype: unknown): DType | undefined {
  return typeof datatype === 'string' ? dtypesByDatatype.get(datatype) : undefined;
}

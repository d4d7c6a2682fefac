import type { DType } from '../../tensor/dtype';

const dataTypes: Readonly<Record<DType, string>> = {
  float32: 'DT_FLOAT',
  float64: 'DT_DOUBLE',
  float16: 'DT_HALF',
  int8: 'DT_INT8',
  int16: 'DT_INT16',
  int32: 'DT_INT32',
  int64: 'DT_INT64',
  uint8: 'DT_UINT8',
  uint16: 'DT_UINT16',
  uint32: 'DT_UINT32',
  uint64: 'DT_UINT64',
  bool: 'DT_BOOL',
  string: 'DT_STRING',
};

const dtypesByDataType: ReadonlyMap<string, DType> = new Map(
  Object.entries(dataTypes).map(([dtype, dataType]) => [dataType, dtype as DType]),
);

/** TensorFlow's name of a dtype. */
export function dataTypeOf(dtype: DType): string {
  return dataTypes[dtype];
}

/** The dtype of a data type; of a variable's (`DT_FLOAT_REF`) that of its value. Undefined for what no tensor here can hold. */
export function dtypeOfDataType(dataType: unknown): DType | undefined {
  return typeof dataType === 'string' ? dtypesByDataType.get(dataType.replace(/_REF$/, '')) : undefined;
}

export { type ArrowRowsOptions, arrowRows } from './arrow-rows';
export type { CsvType } from './csv-values';
export { type ReadArrowOptions, readArrow } from './read-arrow';
export { type ReadCsvOptions, readCsv } from './read-csv';
export { type ReadParquetOptions, readParquet } from './read-parquet';
export type { FileRecord, ReadOptions, RecordReader, RecordValue, RowsOptions } from './record-reader';
export type { FileSource, StreamSource } from './source';

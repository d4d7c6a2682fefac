export type { EventPrecision } from './event-file';
export { type CsvExportOptions, exportCsv } from './export-csv';
export { exportJson, exportJsonLines, type JsonExportOptions } from './export-json';
export { exportParquet, type ParquetExportOptions } from './export-parquet';
export { exportTensorBoard, type TensorBoardExport, type TensorBoardExportOptions } from './export-tensorboard';
export type { ExportContent, ExportSelection } from './selection';
export { writeExport } from './write-file';

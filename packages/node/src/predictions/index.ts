export { createNdjsonSink, type NdjsonSinkOptions } from './ndjson-sink';

export type { TracedOptions, TracingOptions } from './options';
export { traceCalls } from './trace-calls';
export { traceHeaders } from './trace-headers';
export { traced } from './traced';

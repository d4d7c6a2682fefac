export {
  emitOpenLineage,
  type OpenLineageEmitter,
  type OpenLineageOptions,
  type OpenLineageTransport,
} from './emitter';
export { type HttpTransportOptions, httpTransport } from './http-transport';
export {
  type DescribedRun,
  type Facet,
  type Facets,
  type MadeVersion,
  type OpenLineageDataset,
  type OpenLineageRunEvent,
  type RunEventContext,
  type RunEventType,
  runEventOf,
} from './run-event';

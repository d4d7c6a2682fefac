export type { RelayCors } from './cors';
export { createRelayHandler, type RelayHandler } from './create-relay-handler';
export { type FetchHandler, toNodeHandler } from './node-handler';
export type { RelayHandlerOptions, RelayLimits } from './relay-options';

export { bodyTooLarge } from './body';
export type { ServedRunners } from './catalog';
export type { CrossOriginOptions } from './cross-origin';
export type { ServiceRequest, ServiceResponse } from './exchange';
export { createHandler, type Handler } from './handler';
export type { MetricsPage, MetricsRenderer, ServiceOptions } from './options';
export {
  createModelRepository,
  type ModelLoader,
  type ModelRepository,
  type ModelRepositoryOptions,
  type RepositoryEntry,
  type RepositoryState,
} from './repository/model-repository';
export { type AccessLogLine, type AccessLogOptions, accessLog } from './observers/access-log';
export { instrumentCalls } from './observers/instrument-calls';
export { createService, type Service } from './service';

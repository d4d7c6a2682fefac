export { bodyTooLarge } from './body';
export type { ServedRunners } from './catalog';
export type { CrossOriginOptions } from './cross-origin';
export type { ServiceRequest, ServiceResponse } from './exchange';
export { createHandler, type Handler } from './handler';
export type { MetricsPage, MetricsRenderer, ServiceOptions } from './options';
export { createService, type Service } from './service';

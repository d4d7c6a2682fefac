export { type CheckServerOptions, checkServer } from './check-server';
export { renderServerReport } from './render-report';
export type { ServerCheck, ServerReport } from './report';

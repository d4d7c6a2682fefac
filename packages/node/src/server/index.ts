export { type CheckServerOptions, checkServer, type ServerCheck, type ServerReport } from './check/index';
export type { ServeOptions } from './options';
export { type Server, serve } from './serve';
export type { PemSource, TlsOptions } from './tls';

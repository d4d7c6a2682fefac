export {
  type FastifyScope,
  fastifyPlugin,
  type NodeListener,
  type NodeListenerOptions,
  toNodeListener,
} from './adapters';
export { type CheckServerOptions, checkServer, type ServerCheck, type ServerReport } from './check/index';
export type { CloseOptions } from './close-options';
export type { ServeOptions } from './options';
export { type Environment, type Platform, type PlatformChoice, type PlatformName, readPlatform } from './platform';
export { type Server, serve } from './serve';
export type { PemSource, TlsOptions } from './tls';

export type { ServeOptions } from './options';
export { type Server, serve } from './serve';

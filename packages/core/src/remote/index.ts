export type { RemoteOptions } from './options';
export { remote } from './remote';

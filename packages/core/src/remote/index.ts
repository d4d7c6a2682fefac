export type { RemoteHeaders } from './credentials';
export type { RemoteOptions } from './options';
export { type RemoteDescription, type RemoteRunner, remote } from './remote';

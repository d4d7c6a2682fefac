export type { GrpcClientTlsOptions, RemoteGrpcOptions } from './client/options';
export { remoteGrpc } from './client/remote-grpc';
export type { GrpcProtocolName, GrpcTlsOptions, ServeGrpcOptions } from './server/options';
export { type GrpcServer, serveGrpc } from './server/serve-grpc';

export type { GrpcProtocolName, GrpcTlsOptions, ServeGrpcOptions } from './server/options';
export { type GrpcServer, serveGrpc } from './server/serve-grpc';

import { enumeration, message, scalar } from '../wire/index';

/* What `protos/health.proto` declares, as types that read and write; a test holds the two equal. */

export const HealthCheckRequest = message('grpc.health.v1.HealthCheckRequest', { service: scalar('string', 1) });
export const HealthCheckResponse = message('grpc.health.v1.HealthCheckResponse', {
  status: enumeration('grpc.health.v1.HealthCheckResponse.ServingStatus', 1),
});

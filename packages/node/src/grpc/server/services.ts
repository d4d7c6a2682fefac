import type { ModelHost } from '@fairlead/core/serving';
import type { Server } from '@grpc/grpc-js';
import { createHealthService, watchPath } from '../health/service';
import { inferenceMethods, inferenceService } from '../inference/service';
import { streamMethod, writeStreamFailure } from '../inference/stream';
import { tensorflowMethods, tensorflowServices } from '../tensorflow/service';
import type { Calls } from './calls';
import type { GrpcProtocolName } from './options';
import type { Readiness } from './readiness';

/** Messages stay bytes for grpc-js: they are read where their failure can be told. */
const asIs = (message: Buffer): Buffer => message;

/** Registers what a server answers. */
export function addServices(
  server: Server,
  calls: Calls,
  host: ModelHost,
  readiness: Readiness,
  protocols: readonly GrpcProtocolName[],
): void {
  const services: string[] = [];
  if (protocols.includes('open-inference')) {
    services.push(inferenceService);
    for (const method of inferenceMethods(host, readiness)) {
      server.register(method.path, calls.unary(method), asIs, asIs, 'unary');
    }
    const stream = streamMethod(host);
    server.register(stream.path, calls.stream(stream, writeStreamFailure), asIs, asIs, 'bidi');
  }
  if (protocols.includes('tensorflow')) {
    services.push(...tensorflowServices);
    for (const method of tensorflowMethods(host, readiness)) {
      server.register(method.path, calls.unary(method), asIs, asIs, 'unary');
    }
  }
  const health = createHealthService(host, readiness, services);
  server.register(health.check.path, calls.unary(health.check), asIs, asIs, 'unary');
  server.register(watchPath, calls.watch(health.watch), asIs, asIs, 'serverStream');
}

import type { ClockTimer } from '@fairlead/core';
import { isRunnerReady, type ModelHost } from '@fairlead/core/serving';
import type { Method } from '../server/exchange';
import type { Readiness } from '../server/readiness';
import { HealthCheckRequest, HealthCheckResponse } from './messages';

const healthService = 'grpc.health.v1.Health';
export const watchPath = `/${healthService}/Watch`;

/** Numbers of `ServingStatus`. */
const serving = 1;
const notServing = 2;
const serviceUnknown = 3;

/** How often a watched service is looked at: runners tell nobody of their health. */
const watchIntervalMs = 1000;

/** How services stand. */
export interface HealthService {
  readonly check: Method<unknown>;
  /** Tells the state at once and whenever it has changed. @returns stops */
  watch(request: Buffer, tell: (message: Buffer) => void): () => void;
}

/**
 * gRPC's own health checking. A service is the whole server (''), one of the services that it answers, or the name of a model.
 *
 * @param services names of the services that are answered
 */
export function createHealthService(host: ModelHost, readiness: Readiness, services: readonly string[]): HealthService {
  const statusOf = (service: string): number => {
    if (service === '' || services.includes(service)) return readiness.isReady() ? serving : notServing;
    const model = host.catalog.all().find(({ name }) => name === service);
    if (model === undefined) return serviceUnknown;
    return readiness.isOpen() && isRunnerReady(model) ? serving : notServing;
  };
  const check: Method<{ readonly service: string }> = {
    path: `/${healthService}/Check`,
    type: HealthCheckRequest,
    asks: () => ({ protocol: 'grpc-health', operation: 'health' }),
    answer: ({ service }) => {
      const status = statusOf(service);
      // The one that is asked once is told by a status, as the protocol has it.
      if (status === serviceUnknown) host.catalog.find(service);
      return { message: HealthCheckResponse.encode({ status }) };
    },
  };
  return {
    check: check as Method<unknown>,
    watch(request, tell) {
      const { service } = HealthCheckRequest.decode(request, 0);
      let last: number | undefined;
      let timer: ClockTimer | undefined;
      const look = (): void => {
        const status = statusOf(service);
        if (status !== last) tell(HealthCheckResponse.encode({ status }));
        last = status;
        timer = host.clock.setTimer(look, watchIntervalMs);
      };
      look();
      const forget = readiness.onDrain(() => {
        timer?.clear();
        look();
      });
      return () => {
        timer?.clear();
        forget();
      };
    },
  };
}

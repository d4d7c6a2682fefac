import { type Tracer, trace } from '@opentelemetry/api';
import * as z from 'zod/mini';
import { version } from '../../package.json';
import { type Clock, systemClock } from '../clock';
import { parseOptions } from '../config';
import type { Operation } from '../serving/host/call';
import { operationsField, usualOperations } from '../serving/observers/operations';

/** Options of {@link traced}. */
export interface TracedOptions {
  /** Makes the spans. @default that of OpenTelemetry's global provider, asked for at each request, so it may be set up later */
  readonly tracer?: Tracer;
  /** Where the times of spans come from; give the runner's own. @default systemClock */
  readonly clock?: Clock;
}

/** Options of {@link traceCalls}. */
export interface TracingOptions extends TracedOptions {
  /** What is traced. Probes and scrapes would be most of the spans of a quiet service. @default ['infer', 'reward', 'load', 'unload'] */
  readonly operations?: readonly Operation[];
}

/** The options with their defaults. */
export interface TracingSettings {
  readonly tracer: () => Tracer;
  readonly clock: Clock;
  readonly operations: readonly Operation[];
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;

const isTracer = (value: unknown): boolean =>
  object(value) && typeof (value as Partial<Tracer>).startSpan === 'function';

const common = {
  tracer: z.optional(z.custom<Tracer>(isTracer, 'a tracer of @opentelemetry/api')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
};

const schemas = {
  traced: z.strictObject(common),
  traceCalls: z.strictObject({ ...common, operations: operationsField }),
};

/** @throws FairleadError `INVALID_OPTION` */
export function parseTracingOptions(
  options: TracingOptions | undefined,
  owner: 'traced' | 'traceCalls',
): TracingSettings {
  const { tracer, clock = systemClock } = parseOptions(schemas[owner], options, owner);
  return {
    tracer: tracer === undefined ? () => trace.getTracer('@fairlead/core', version) : () => tracer,
    clock,
    operations: options?.operations ?? usualOperations,
  };
}

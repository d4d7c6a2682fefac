import * as z from 'zod/mini';
import { type Clock, systemClock } from '../../clock';
import { parseOptions } from '../../config';
import { consoleLogger, type Logger } from '../../logger';
import type { CallObserver, Guard } from './call';
import type { ModelRepository } from './model-repository';
import type { AssignmentOf } from './served-rollout';

/** Options of {@link createModelHost}. */
export interface ModelHostOptions {
  /** Bytes that a body may have, declared or not. 1 or more. @default 33554432 (32 MiB) */
  readonly maxBodyBytes?: number;
  /** Elements that one input tensor may have, checked on its shape. 1 or more. @default 16777216 */
  readonly maxTensorElements?: number;
  /**
   * Infer requests that may be under way at once, from the first byte of the body to the answer; past it, 429. What waits
   * for a model is bounded by its runner besides. 1 or more. @default 4096
   */
  readonly maxConcurrentRequests?: number;
  /**
   * Bytes of all infer bodies together that may be held, arrived or declared; past it, 429. A request that is alone is always
   * taken. 1 or more. @default 536870912 (512 MiB)
   */
  readonly maxConcurrentBodyBytes?: number;
  /**
   * Models that clients may list, load and unload (`POST /v2/repository/…`), made by `createModelRepository`. It stays its maker's,
   * who closes it after the service. Whoever reaches the service can load and unload, unless a `guard` keeps strangers out.
   * @default none, and these paths answer 404
   */
  readonly repository?: ModelRepository;
  /** Decides who may do what. @default everybody may do everything */
  readonly guard?: Guard;
  /**
   * What a rollout assigns a request by. What clients say is for assigning and for nothing else: it proves nobody, and who makes up keys may
   * choose his arm. Where callers are known, derive the key: `({ principal }, given) => ({ ...given, key: principal?.id })`. With this
   * option every runner gets the key and the context as options of its run, so that one around a rollout passes them on.
   * @default what the client says in headers `x-fairlead-key` and `x-fairlead-context` (gRPC: metadata), or in parameters `key` and
   * `context` of the Open Inference Protocol, for models that are rollouts
   */
  readonly assignmentOf?: AssignmentOf;
  /** Told of every call: traces, access logs, request metrics, audits. @default [] */
  readonly observers?: readonly CallObserver[];
  /** Told of every answer with a status of 500 and above, with the error that the client does not see. @default console */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** The options with their defaults. */
export interface ModelHostSettings {
  readonly maxBodyBytes: number;
  readonly maxTensorElements: number;
  readonly maxConcurrentRequests: number;
  readonly maxConcurrentBodyBytes: number;
  readonly repository: ModelRepository | undefined;
  readonly guard: Guard | undefined;
  readonly assignmentOf: AssignmentOf | undefined;
  readonly observers: readonly CallObserver[];
  readonly logger: Logger;
  readonly clock: Clock;
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;

/** An object with a method of that name. */
export const objectWith =
  (method: string) =>
  (value: unknown): boolean =>
    object(value) && typeof (value as Record<string, unknown>)[method] === 'function';

const schema = z.strictObject({
  maxBodyBytes: z.optional(z.int().check(z.gte(1))),
  maxTensorElements: z.optional(z.int().check(z.gte(1))),
  maxConcurrentRequests: z.optional(z.int().check(z.gte(1))),
  maxConcurrentBodyBytes: z.optional(z.int().check(z.gte(1))),
  repository: z.optional(z.custom<ModelRepository>(objectWith('list'), 'a repository by createModelRepository')),
  guard: z.optional(z.custom<Guard>(objectWith('admit'), 'an object {admit}')),
  assignmentOf: z.optional(z.custom<AssignmentOf>((value) => typeof value === 'function', 'a function')),
  observers: z.optional(z.array(z.custom<CallObserver>(objectWith('begin'), 'an object {begin}'))),
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

/** Names of the options, for factories that take those of a host beside their own. */
export const hostOptionNames: readonly string[] = Object.keys(schema.shape);

/** @throws FairleadError `INVALID_OPTION` */
export function parseHostOptions(options: ModelHostOptions | undefined, owner: string): ModelHostSettings {
  const parsed = parseOptions(schema, options, owner);
  return {
    maxBodyBytes: parsed.maxBodyBytes ?? 32 * 1024 * 1024,
    maxTensorElements: parsed.maxTensorElements ?? 16 * 1024 * 1024,
    maxConcurrentRequests: parsed.maxConcurrentRequests ?? 4096,
    maxConcurrentBodyBytes: parsed.maxConcurrentBodyBytes ?? 512 * 1024 * 1024,
    repository: parsed.repository,
    guard: parsed.guard,
    assignmentOf: parsed.assignmentOf,
    observers: parsed.observers ?? [],
    logger: parsed.logger ?? consoleLogger,
    clock: parsed.clock ?? systemClock,
  };
}

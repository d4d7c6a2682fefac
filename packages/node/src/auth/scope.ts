import type { Operation } from '@fairlead/core/serving';
import * as z from 'zod/mini';
import type { RateLimit } from './rate-limiter';

/** What somebody may do. */
export interface Scope {
  /**
   * Names of models, where `*` stands for any letters: `digits`, `team-*`, `*` for all. What concerns all models at once (the list of
   * them) needs `*`. @default ['*']
   */
  readonly models?: readonly string[];
  /**
   * What may be done. `reward`, `load`, `unload` and `metrics` must be named.
   * @default ['health', 'metadata', 'list', 'infer', 'documentation']
   */
  readonly operations?: readonly Operation[];
  /** How often. @default the guard's `rateLimit` */
  readonly rateLimit?: RateLimit;
}

/** Every operation that a call can be. */
const operations = [
  'health',
  'metadata',
  'list',
  'infer',
  'reward',
  'load',
  'unload',
  'metrics',
  'documentation',
] as const satisfies readonly Operation[];

const usualOperations: readonly Operation[] = ['health', 'metadata', 'list', 'infer', 'documentation'];

/** Operations that say something of the server and not of a model, when they name none. */
const aboutTheServer: ReadonlySet<Operation> = new Set(['health', 'metadata', 'metrics', 'documentation']);

/** Longer names are nobody's, and would only cost time. */
const longestName = 1024;

const rateLimitSchema = z.strictObject({
  requestsPerSecond: z.number().check(z.gt(0), z.lte(1e6)),
  burst: z.optional(z.number().check(z.gte(1), z.lte(1e9))),
});

/** The fields of a scope, for the schemas of what has one. */
export const scopeFields = {
  models: z.optional(z.array(z.string().check(z.minLength(1), z.maxLength(256)))),
  operations: z.optional(z.array(z.enum(operations))),
  // Without `undefined` in its fields, as the public type has it.
  rateLimit: z.optional(rateLimitSchema as unknown as z.ZodMiniType<RateLimit>),
};

export const scopeSchema = z.strictObject(scopeFields);

/** The option `open` of the guards. */
export const openField = z.optional(z.array(z.enum(['health', 'metadata', 'list', 'metrics', 'documentation'])));

/** Whether a scope allows an operation on a model, or, with none named, on the server. */
export function allows(scope: Scope, operation: Operation, model: string | undefined): boolean {
  if (!(scope.operations ?? usualOperations).includes(operation)) return false;
  const { models } = scope;
  if (models === undefined) return true;
  if (model === undefined) return aboutTheServer.has(operation) || models.includes('*');
  return models.some((pattern) => matches(pattern, model));
}

/** Whether a pattern with `*` fits a whole name; takes no longer than the product of their lengths, whatever they are. */
function matches(pattern: string, name: string): boolean {
  if (pattern === '*') return true;
  if (name.length > longestName) return false;
  let at = 0;
  let star = -1;
  let resume = 0;
  let index = 0;
  while (index < name.length) {
    if (pattern[at] === '*') {
      star = at++;
      resume = index;
    } else if (pattern[at] === name[index]) {
      at++;
      index++;
    } else if (star !== -1) {
      at = star + 1;
      index = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

import * as z from 'zod/mini';
import type { Operation } from '../host/call';

/** All operations, so that a new one is missed by nobody: the type check holds the list against the type. */
const names: Readonly<Record<Operation, true>> = {
  health: true,
  metadata: true,
  list: true,
  infer: true,
  reward: true,
  load: true,
  unload: true,
  metrics: true,
  documentation: true,
};

/** The option `operations` of an observer. */
export const operationsField = z.optional(z.array(z.enum(Object.keys(names) as Operation[])));

/** What observers of single calls look at unless they are told otherwise: probes and scrapes would be most of a quiet service's calls. */
export const usualOperations: readonly Operation[] = ['infer', 'reward', 'load', 'unload'];

import type { ModelHost } from '@fairlead/core/serving';
import type { Method } from '../server/exchange';
import type { Readiness } from '../server/readiness';

export const tensorflowServices: readonly string[] = [];
export function tensorflowMethods(_host: ModelHost, _readiness: Readiness): readonly Method<unknown>[] {
  return [];
}

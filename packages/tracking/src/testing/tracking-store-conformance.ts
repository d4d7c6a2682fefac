import type { ConformanceCase } from '@fairlead/core/testing';
import { aliasCases } from './alias-cases';
import { artifactCases } from './artifact-cases';
import { Bench, type StoreCase } from './bench';
import { graphCases } from './graph-cases';
import { lifecycleCases } from './lifecycle-cases';
import { mediaCases } from './media-cases';
import { metricCases } from './metric-cases';
import { searchCases } from './search-cases';
import { storeCases } from './store-cases';
import { keepsEverything, type TrackingStoreConformanceOptions } from './tracking-store-place';
import { trapCases } from './trap-cases';
import { valueCases } from './value-cases';
import { versionCases } from './version-cases';
import { writerCases } from './writer-cases';

const groups: Readonly<Record<string, readonly StoreCase[]>> = {
  store: storeCases,
  writers: writerCases,
  lifecycle: lifecycleCases,
  values: valueCases,
  metrics: metricCases,
  media: mediaCases,
  artifacts: artifactCases,
  search: searchCases,
  graph: graphCases,
  versions: versionCases,
  aliases: aliasCases,
  traps: trapCases,
};

/**
 * The conformance suite for tracking stores of specVersion `v1`: what the contract asks of a store, and all that a user does
 * through a tracker on it. It needs no test framework:
 *
 * ```ts
 * for (const { name, run } of trackingStoreConformance(options)) test(name, run);
 * ```
 *
 * A case throws an error that says what was expected and what was found. Each has names of its own, so that the cases may
 * run at once, and on one server.
 */
export function trackingStoreConformance(options: TrackingStoreConformanceOptions): readonly ConformanceCase[] {
  const keeps = { ...keepsEverything, ...options.keeps };
  return Object.entries(groups).flatMap(([group, cases]) =>
    cases.map(([name, runCase]) => ({
      name: `${group}: ${name}`,
      async run() {
        const bench = new Bench(await options.createPlace(), keeps);
        try {
          await runCase(bench);
        } finally {
          await bench.close();
        }
      },
    })),
  );
}

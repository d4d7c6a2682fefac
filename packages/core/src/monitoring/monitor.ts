import type { Events } from '../events';
import type { Closeable } from '../lifecycle';
import type { ModelInfo, ModelRunner } from '../runner/runner';
import type { Tensors } from '../tensor/tensor';
import type { DriftState } from './alerts';
import type { DriftEventMap } from './drift-events';
import type { DriftReportFormat, DriftReportOf } from './full-report';
import type { Reference } from './reference';
import type { DriftReport, DriftSnapshot } from './report';
import type { FeatureSketch } from './sketches/feature-sketch';

/** A feature, and what was observed of it. */
export interface ObservedFeature {
  readonly name: string;
  readonly sketch: FeatureSketch;
}

/** Compares the rows that a model is asked about with those that it was trained on. */
export interface DriftMonitor extends Closeable {
  readonly state: DriftState;
  /** What live rows are compared with; `undefined` as long as there is none. */
  readonly reference: Reference | undefined;
  readonly events: Events<DriftEventMap>;
  /**
   * Watches a runner: every batch is observed after its answers went out, and with every model the runner loads the
   * monitor takes that model's sidecar `reference` and starts the evidence anew. A batch that does not fit the
   * reference is counted and logged; nothing is ever thrown into the runner.
   *
   * @returns closes the connection; the evidence stays
   * @throws FairleadError `CLOSED`; `INVALID_ARGUMENT` when another runner is being watched
   */
  attach(runner: ModelRunner): Closeable;
  /**
   * Observes rows without a runner. Non-finite values are counted in tallies of their own. Without a reference the rows
   * are counted as skipped.
   *
   * @param inputs a tensor for each input of the reference; others are ignored
   * @param batchAxis the axis that counts rows. @default 0
   * @throws FairleadError `INVALID_INPUT` when an input is missing or has another dtype, width or number of rows, and
   * then nothing is counted; `CLOSED`
   */
  observe(inputs: Tensors, batchAxis?: number): void;
  /**
   * Compares with another reference from now on; the evidence starts anew and an episode of drift ends.
   *
   * @param model whose reference it is
   * @throws FairleadError `INVALID_ARGUMENT` when it contradicts itself, or is too small for the stated time between false
   * alarms; `CLOSED`
   */
  useReference(reference: Reference | undefined, model?: ModelInfo): void;
  /** What differs and how much, by feature, as of the last look. */
  report(): DriftReport;
  /**
   * The same with more to it: `full` adds every bin of every feature and the history of evidence and episodes, `html` makes
   * all of that one page that needs no other file. The page's charts are drawn by the package echarts, an optional peer.
   *
   * @throws FairleadError `INVALID_ARGUMENT` for another format; `html` rejects with `UNSUPPORTED` where echarts is not
   * installed
   */
  report<Format extends DriftReportFormat>(options: { readonly format: Format }): DriftReportOf<Format>;
  /**
   * What was observed of each feature under the present reference, as copies that can be merged with those of other workers,
   * processes or browsers, and serialised. Empty without a reference.
   */
  sketches(): readonly ObservedFeature[];
  /** The state in numbers, for metrics. */
  snapshot(): DriftSnapshot;
}

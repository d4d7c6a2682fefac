import type { Evidence } from '@fairlead/core';
import type { ModelVersion } from '../registry/model-version';
import type { RunComparison } from '../search/compare-runs';
import type { Gate, GateResult } from '../store/gate';
import type { RegistryChange } from '../store/registry-store';
import type { DatasetInput, ModelUse, StoreDamage, StoredArtifact } from '../store/run-store';
import type { RunSummary } from '../tracker';

/* What the server of the page answers, in JSON that keeps NaN and the infinities (`toText`, `fromText`). */

/** What is wrong with a request. */
export interface ErrorAnswer {
  readonly error: {
    readonly code: string;
    readonly message: string;
    /** Where in the filter, in UTF-16 units from its start; only for a filter that cannot be parsed. */
    readonly position?: number;
    /** What each gate said; only for `GATE_REFUSED`. */
    readonly gates?: readonly GateResult[];
  };
}

/** A page of runs. */
export interface RunsAnswer {
  readonly runs: readonly RunSummary[];
  readonly nextPageToken?: string;
}

/** One run with everything that its page shows but the points. */
export interface RunAnswer {
  readonly run: RunSummary;
  readonly artifacts: readonly StoredArtifact[];
  readonly damage: readonly StoreDamage[];
  readonly inputs: readonly DatasetInput[];
  readonly uses: readonly ModelUse[];
}

/** Points of one metric of one run, thinned for a chart. */
export interface HistoryAnswer {
  readonly run: string;
  readonly key: string;
  readonly steps: readonly number[];
  /** Epoch milliseconds. */
  readonly timestamps: readonly number[];
  readonly values: readonly number[];
}

/** Runs side by side. */
export type CompareAnswer = RunComparison;

/** A model of the list. */
export interface ModelsAnswer {
  readonly models: readonly {
    readonly name: string;
    readonly versions: number;
    /** Version by alias. */
    readonly aliases: Readonly<Record<string, string>>;
    /** When its latest version was registered, epoch milliseconds. */
    readonly lastRegisteredAt: number;
    readonly damaged: boolean;
  }[];
}

/** A model with all that ever happened to it. */
export interface ModelAnswer {
  readonly name: string;
  /** In the order of their numbers. */
  readonly versions: readonly ModelVersion[];
  readonly aliases: Readonly<Record<string, string>>;
  readonly damage: readonly StoreDamage[];
  /** Oldest first. */
  readonly changes: readonly RegistryChange[];
  /** Gates by alias; only of aliases that have some. */
  readonly gates: Readonly<Record<string, readonly Gate[]>>;
}

/** What a page asks the registry to do. */
export type RegistryOrder = {
  readonly evidence: Pick<Evidence, 'actor' | 'reason'>;
} & (
  | {
      readonly action: 'promote';
      readonly alias: string;
      readonly version: string;
      /** Where the page saw the alias: `null` for one that there was not. */
      readonly expected: string | null;
      readonly force: boolean;
    }
  | { readonly action: 'rollback'; readonly alias: string; readonly expected: string }
  | { readonly action: 'delete-alias'; readonly alias: string; readonly expected: string }
  | { readonly action: 'approve'; readonly version: string; readonly gate: string; readonly approved: boolean }
);

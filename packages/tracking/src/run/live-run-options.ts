import type { CallOptions, Clock } from '@fairlead/core';
import type { ArtifactStore } from '../store/artifact-store';
import type { Durability, EndStatus, ModelUse, ParamValue, RunWriter } from '../store/run-store';
import type { StoreLimits } from '../store/tracking-store';
import type { HashFile } from './dataset-draft';
import type { Run } from './run';
import type { RunStartOptions, TypedRunStartOptions } from './run-options';

/** What a live run stands on. */
export interface LiveRunOptions<Params> {
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  readonly parent?: string;
  readonly params: Params;
  /** The parameters that the run has already. */
  readonly knownParams: Readonly<Record<string, ParamValue>>;
  /** When it was started or resumed, epoch milliseconds; nothing of it is older. */
  readonly openedAt: number;
  readonly writer: RunWriter;
  readonly artifacts: ArtifactStore;
  readonly durabilities: readonly Durability[];
  readonly limits: StoreLimits | undefined;
  readonly clock: Clock;
  readonly flushIntervalMs: number;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly startChild: <P>(options: RunStartOptions | TypedRunStartOptions<unknown, P>) => Promise<Run<P>>;
  readonly resolveModel: (reference: string, call: CallOptions) => Promise<ModelUse>;
  readonly hashFile: HashFile;
  /** Called for a parameter or tag whose value was a secret. */
  readonly onRedact: (field: string) => void;
  /** Called when a background write fails, and again only after one has worked. */
  readonly onWriteFail: (error: unknown) => void;
  /** Called for artifacts that a signal cut off, with their names. */
  readonly onLose: (names: readonly string[]) => void;
  readonly onEnd: (status: EndStatus) => void;
  /** Called when the run was released. */
  readonly onRelease: () => void;
}

import type { Probe } from './probe';
import type { Recorder } from './report';
import type { TensorMetadata } from './tensors';

/** What the checks of a model go by. */
export interface CheckContext {
  readonly probe: Probe;
  readonly recorder: Recorder;
  readonly model: string;
  /** Path of the model. */
  readonly path: string;
  readonly versions: readonly string[];
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  /** What the server says that it offers beyond the protocol. */
  readonly extensions: readonly string[];
}

/** A parameter's value. */
export type ParamValue = string | number | boolean;

/**
 * How a run ended. `KILLED`: a signal ended its process, which said so at last. `INTERRUPTED`: it was closed, or its
 * process left it, before anyone said whether it worked.
 */
export type EndStatus = 'FINISHED' | 'FAILED' | 'KILLED' | 'INTERRUPTED';

/** The error that ended a run. */
export interface RunError {
  readonly name: string;
  readonly message: string;
  /** The code of a `FairleadError` or a system error. */
  readonly code?: string;
}

/** Something in the store that cannot be read. What surrounds it is read all the same. */
export interface StoreDamage {
  /** The file, relative to the store's folder. */
  readonly file: string;
  /** Where it begins, in bytes. */
  readonly offset: number;
  /** How far it reaches, in bytes. */
  readonly length: number;
  /**
   * `torn-tail`: the last write did not finish, as after a crash. `corrupt`: bytes fail their checksum. `missing`: records
   * are gone that later ones prove. `unknown-record`: written by a later version.
   */
  readonly kind: 'torn-tail' | 'corrupt' | 'missing' | 'unknown-record';
}

/** One metric of a run in short. */
export interface MetricSummary {
  /** How many points were logged; absent where a server only tells the latest. */
  readonly count?: number;
  /** The value at the highest step; of several there, the latest. */
  readonly last: number;
  /** The step of `last`. */
  readonly step: number;
  /** When `last` was logged, epoch milliseconds. */
  readonly timestamp: number;
  /** Smallest value that is a number; NaN when there is none. Absent where a server only tells the latest point. */
  readonly min?: number;
  /** Largest value that is a number; NaN when there is none. Absent where a server only tells the latest point. */
  readonly max?: number;
}

/** Points of one metric in columns, in the order in which they were logged. */
export interface MetricHistory {
  readonly key: string;
  readonly steps: Float64Array;
  /** Epoch milliseconds. */
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

/** What an artifact is, for whoever shows it. */
export type ArtifactKind = 'file' | 'image' | 'table' | 'figure' | 'text';

/** An artifact of a run. */
export interface StoredArtifact {
  readonly name: string;
  /** SHA-256, lower-case hex; absent where a foreign server does not tell it. */
  readonly digest?: string;
  /** Bytes. */
  readonly size: number;
  /** When it was logged, epoch milliseconds. */
  readonly loggedAt: number;
  /** Absent: a file. */
  readonly kind?: ArtifactKind;
  /** For example `image/png`. */
  readonly mediaType?: string;
  /** The step that it belongs to, a whole number. */
  readonly step?: number;
}

/** A dataset that went into a run. */
export interface DatasetInput {
  readonly name: string;
  /** SHA-256 of its content in lower-case hex, or `md5:` and the MD5 that DVC knows it by. */
  readonly digest: string;
  /** What it was used for, such as `training` or `validation`. */
  readonly context?: string;
  /** Where it comes from: a path, or a URL without credentials. */
  readonly source?: string;
  /** How many rows it has. */
  readonly rows?: number;
  /** Its columns. */
  readonly schema?: readonly { readonly name: string; readonly type: string }[];
  readonly tags?: Readonly<Record<string, string>>;
}

/** A registered model that a run used: to evaluate it, or to go on from it. */
export interface ModelUse {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of its bytes, lower-case hex. */
  readonly digest?: string;
}

/** A run as the store has it. */
export interface StoredRun {
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  /** The id of the run that this one is part of. */
  readonly parent?: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds after which a run without an end counts as killed. */
  readonly leaseUntil: number;
  /** The last end that no resumption came after. */
  readonly end?: { readonly status: EndStatus; readonly at: number; readonly error?: RunError };
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, MetricSummary>>;
  readonly artifacts: readonly StoredArtifact[];
  readonly inputs: readonly DatasetInput[];
  readonly uses: readonly ModelUse[];
  /** When it was deleted, epoch milliseconds; absent for a run that was not, or was restored. */
  readonly deletedAt?: number;
  readonly damage: readonly StoreDamage[];
}

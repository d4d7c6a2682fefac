/** A load on an HTTP server of this machine by connections that each ask again once they have their answer. */
export interface ClosedLoad {
  readonly port: number;
  /** Whole requests, head and body as they go over the wire, in base64; sent in turn. */
  readonly requests: readonly string[];
  readonly connections: number;
  /** Milliseconds that count. */
  readonly durationMs: number;
  /** Milliseconds before them that do not. */
  readonly warmUpMs: number;
}

/** What a load came to. */
export interface LoadFigures {
  /** Answers with status 200 a second. */
  readonly perSecond: number;
  /** Milliseconds from the request's due time to its whole answer; NaN where there is none. */
  readonly p50: number;
  readonly p99: number;
  /** Answers by status, and what broke by how it did. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Processor time of what drives the load by the time that counts: near 1, the load is as fast as its driver. */
  readonly driverBusy: number;
}

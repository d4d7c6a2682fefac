/** What W3C's header `traceparent` says. */
export interface TraceParent {
  readonly traceId: string;
  /** Whether whoever began the trace records it. */
  readonly isSampled: boolean;
}

/** Reads the header; undefined where there is none, or one that is none. */
export function readTraceParent(header: string | null | undefined): TraceParent | undefined {
  if (typeof header !== 'string') return undefined;
  const [, traceId, flags] =
    /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-([\da-f]{2})(?:-|$)/.exec(header) ?? [];
  if (traceId === undefined || flags === undefined) return undefined;
  return { traceId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

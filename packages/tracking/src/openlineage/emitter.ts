import {
  type Clock,
  type Closeable,
  closeable,
  consoleLogger,
  FairleadError,
  type Logger,
  messageOf,
  parseOptions,
  systemClock,
} from '@fairlead/core';
import * as z from 'zod/mini';
import { createSerial } from '../serial';
import type { Tracker } from '../tracker';
import { type MadeVersion, type OpenLineageRunEvent, type RunEventType, runEventOf } from './run-event';

/** Takes an event to wherever lineage is kept. */
export type OpenLineageTransport = (event: OpenLineageRunEvent, signal: AbortSignal) => Promise<void>;

/** Options of {@link emitOpenLineage}. */
export interface OpenLineageOptions {
  /** Where the jobs are: your team's or system's name. */
  readonly namespace: string;
  /** Where datasets and models are. @default the same */
  readonly dataNamespace?: string;
  /** What takes the events: {@link httpTransport}, or a function of your own. */
  readonly transport: OpenLineageTransport;
  /** Most events that wait; what comes beyond is dropped, counted, and told to the log. 1 or more. @default 1000 */
  readonly maxQueued?: number;
  /** Times that an event is sent before it is given up. 1 or more. @default 3 */
  readonly attempts?: number;
  /** Milliseconds between the first two of them; then twice as long each time. 0 or more. @default 500 */
  readonly retryMs?: number;
  /** @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** Events of a tracker on their way. */
export interface OpenLineageEmitter extends Closeable {
  /** Resolves once every event so far was sent, or given up. */
  flush(): Promise<void>;
  /** Counts since the beginning. */
  health(): {
    readonly sent: number;
    readonly failed: number;
    readonly dropped: number;
    readonly queued: number;
    readonly lastError: unknown;
  };
}

const schema = z.strictObject({
  namespace: z.string().check(z.minLength(1)),
  dataNamespace: z.optional(z.string().check(z.minLength(1))),
  transport: z.custom<OpenLineageTransport>((value) => typeof value === 'function', 'a function that takes an event'),
  maxQueued: z._default(z.int().check(z.minimum(1)), 1000),
  attempts: z._default(z.int().check(z.minimum(1)), 3),
  retryMs: z._default(z.int().check(z.minimum(0)), 500),
  logger: z._default(
    z.custom<Logger>((value) => typeof value === 'object' && value !== null, 'a logger'),
    consoleLogger,
  ),
  clock: z._default(
    z.custom<Clock>((value) => typeof value === 'object' && value !== null, 'a clock'),
    systemClock,
  ),
});

/** Of so many runs the versions are remembered, and that they ended: the last ones. */
const rememberedRuns = 1000;

/**
 * Tells of every run of a tracker in OpenLineage: START, then COMPLETE, FAIL or ABORT with what it read and the versions
 * of models that it made. A version that is registered after the end of its run is told by an event OTHER. It never
 * holds a run up, and close it before the tracker.
 * @throws FairleadError `INVALID_OPTION`
 */
export function emitOpenLineage(tracker: Tracker, options: OpenLineageOptions): OpenLineageEmitter {
  const settings = parseOptions(schema, options, 'emitOpenLineage');
  const { namespace, dataNamespace, transport, maxQueued, attempts, retryMs, logger, clock } = settings;
  // One after the other: an end must not overtake its start.
  const inTurn = createSerial();
  const known = new Map<string, { readonly versions: MadeVersion[]; ended: boolean }>();
  const stop = new AbortController();
  let queued = 0;
  let sent = 0;
  let failed = 0;
  let dropped = 0;
  let lastError: unknown;

  const knownOf = (id: string) => {
    const run = known.get(id) ?? { versions: [], ended: false };
    known.set(id, run);
    const [oldest] = known.keys();
    if (known.size > rememberedRuns && oldest !== undefined) known.delete(oldest);
    return run;
  };

  const send = async (event: OpenLineageRunEvent): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await transport(event, stop.signal);
        return;
      } catch (error) {
        if (attempt >= attempts || stop.signal.aborted || !isWorthRepeating(error)) throw error;
        await pause(retryMs * 2 ** (attempt - 1), clock);
      }
    }
  };

  const describe = async (id: string, at: number, eventType: RunEventType | undefined): Promise<OpenLineageRunEvent> =>
    runEventOf(await tracker.getRun(id), {
      namespace,
      at,
      versions: known.get(id)?.versions ?? [],
      ...(dataNamespace !== undefined && { dataNamespace }),
      ...(eventType !== undefined && { eventType }),
    });

  const tell = (id: string, eventType?: RunEventType): void => {
    if (queued >= maxQueued) {
      if (dropped++ > 0) return;
      logger.warn({ id }, `OpenLineage: ${maxQueued} events wait, so events are dropped. health() counts them.`);
      return;
    }
    queued++;
    const at = clock.epochMs();
    void inTurn(async () => {
      try {
        await send(await describe(id, at, eventType));
        sent++;
      } catch (error) {
        // Told once: a server that is down would fill the log.
        if (failed++ === 0)
          logger.warn({ id, error }, `OpenLineage: an event of run ${id} is lost: ${messageOf(error)}`);
        lastError = error;
      }
      queued--;
    });
  };

  const removers = [
    tracker.events.on('run-start', ({ id }) => tell(id, 'START')),
    tracker.events.on('run-end', ({ id }) => {
      knownOf(id).ended = true;
      tell(id);
    }),
    tracker.events.on('version-register', ({ name, version, digest, run }) => {
      if (run === undefined) return;
      knownOf(run).versions.push({ name, version, digest });
      if (knownOf(run).ended) tell(run, 'OTHER');
    }),
  ];

  return {
    flush: () => inTurn(async () => {}),
    health: () => ({ sent, failed, dropped, queued, lastError }),
    ...closeable(async () => {
      for (const remove of removers) remove();
      await inTurn(async () => {});
      stop.abort();
    }),
  };
}

/** What a server refuses once it refuses always. */
function isWorthRepeating(error: unknown): boolean {
  return !FairleadError.isInstance(error) || error.details?.retryable !== false;
}

function pause(ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(resolve, ms));
}

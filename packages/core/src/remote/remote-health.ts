import type { Clock } from '../clock';
import { FairleadError } from '../errors';
import { codeOf, codesFor } from '../resilience/remedies';
import { type Assessment, createHealthRecord } from '../runner/health';
import type { ModelInfo, RunnerHealth } from '../runner/runner';

/** What the requests of a remote runner tell about the server. */
export interface RemoteHealth {
  answered(): void;
  failed(error: unknown): void;
  assess(model: ModelInfo, inFlight: number, rows: number): RunnerHealth;
  close(): void;
}

/** Failures in a row after which a server counts as failed. */
const failures = 3;
/** Milliseconds after which a failure says nothing any more, since nobody has asked: the next request may find out. */
const staleMs = 10_000;

const speaksAgainst = codesFor('circuit');

/** Nobody is asked for it: it follows from how the last requests ended. */
export function createRemoteHealth(clock: Clock): RemoteHealth {
  const record = createHealthRecord(clock);
  let inARow = 0;
  let failedAt = 0;
  let lastMessage = '';
  let closed = false;

  const assessment = (): Assessment => {
    if (closed) return { status: 'closed', ready: false, reasons: ['The runner was closed.'] };
    if (inARow === 0) return { status: 'ready', ready: true, reasons: [] };
    const isFailed = inARow >= failures && clock.now() - failedAt < staleMs;
    return { status: isFailed ? 'failed' : 'degraded', ready: !isFailed, reasons: [lastMessage] };
  };

  return {
    answered() {
      inARow = 0;
    },
    failed(error) {
      const code = codeOf(error);
      if (!speaksAgainst.has(code)) return;
      inARow++;
      failedAt = clock.now();
      lastMessage = FairleadError.isInstance(error) ? error.message : String(error);
      record.failed(error);
    },
    assess(model, inFlight, rows) {
      const now = assessment();
      const lanes = { alive: now.ready ? 1 : 0, total: 1 };
      return record.answer(now, model, lanes, { requests: inFlight, rows, bytes: 0, batchesInFlight: inFlight });
    },
    close() {
      closed = true;
    },
  };
}

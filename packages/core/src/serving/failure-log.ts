import type { Clock } from '../clock';
import { FairleadError, messageOf } from '../errors';
import { createLineLimit } from '../line-limit';
import type { Logger } from '../logger';

/** What failed. */
export interface FailedRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

/** Tells the logger of answers with a status of 500 and above. */
export type FailureLog = (error: unknown, request: FailedRequest) => void;

/** Errors of one code that are written out within a window; nobody reads more of the same. */
const maxLines = 10;

/**
 * Tells of failures, and never faster than somebody could read: whoever can make the server fail could else fill its disk. A deadline
 * that ran out is an affair of the client, who may give as little time as it likes, so it is a warning, of which one stands for all.
 */
export function createFailureLog(logger: Logger, clock: Clock): FailureLog {
  const errors = createLineLimit({
    clock,
    maxLines,
    onSuppressed: (code, count, windowMs) => {
      const message = `${count} more requests failed with ${code} within ${windowMs / 1000} s.`;
      logger.error({ code, count, windowMs }, message);
    },
  });
  const deadlines = createLineLimit({
    clock,
    maxLines: 1,
    onSuppressed: (code, count, windowMs) => {
      const message = `${count} more requests were not done in the time that their clients gave, within ${windowMs / 1000} s.`;
      logger.warn({ code, count, windowMs }, message);
    },
  });

  return (error, { method, path, status }) => {
    const code = FairleadError.isInstance(error) ? error.code : 'RUN_FAILED';
    if (code === 'DEADLINE_EXCEEDED') {
      if (!deadlines.admits(code)) return;
      const message = 'A request was not done in the time that its client gave; more of them are counted.';
      logger.warn({ code, method, path, status }, message);
      return;
    }
    if (!errors.admits(code)) return;
    logger.error({ error, method, path, status }, `A request was answered with ${status}: ${messageOf(error)}`);
  };
}

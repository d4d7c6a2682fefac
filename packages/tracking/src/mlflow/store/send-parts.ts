import { type CallOptions, FairleadError } from '@fairlead/core';
import type { MlflowMetric } from '../batches';
import type { MlflowClient } from '../client';
import { toMlflowDataset } from './dataset-inputs';
import type { Part } from './outbox';

/** What became of parts that were sent. */
export interface Delivery {
  /** The points that the server has now. */
  readonly metrics: readonly MlflowMetric[];
  /** What it will never take, and why. */
  readonly refused: readonly { readonly part: Part; readonly error: FairleadError }[];
}

/** Whether the server, or the check before it, will say the same of the same thing for ever. */
function isRefusal(error: unknown): error is FairleadError {
  return FairleadError.isInstance(error, 'INVALID_ARGUMENT') || FairleadError.isInstance(error, 'LIMIT_EXCEEDED');
}

/** A run that is deleted takes nothing; that is no fault of what is sent. */
async function checkWritable(client: MlflowClient, serverId: string, call: CallOptions): Promise<void> {
  if (!(await client.runs.get(serverId, call)).deleted) return;
  throw new FairleadError(
    'STORE_FAILED',
    `The run ${serverId} was deleted on the MLflow server, so it takes nothing more. Restore it there, and what waits is sent.`,
    { details: { field: 'run', expected: 'a run that was not deleted', given: serverId } },
  );
}

/**
 * Sends parts to a run. What the server refuses for good is found by halves and given up, so that it does not hold up what
 * comes after it; the caller is told. Everything may be sent again after an error.
 * @throws FairleadError `REMOTE_FAILED`, `NOT_FOUND`, `ABORTED`; `STORE_FAILED` for a run that is deleted
 */
export async function sendParts(
  client: MlflowClient,
  serverId: string,
  parts: readonly Part[],
  call: CallOptions,
): Promise<Delivery> {
  const metrics: MlflowMetric[] = [];
  const refused: { part: Part; error: FairleadError }[] = [];
  let isWritable = false;

  const sendAll = async (some: readonly Part[]): Promise<void> => {
    const inputs = some.flatMap((part) => (part.kind === 'input' ? [toMlflowDataset(part.dataset)] : []));
    const points = some.flatMap((part) => (part.kind === 'metric' ? [part.metric] : []));
    const texts = (kind: 'param' | 'tag') =>
      Object.fromEntries(some.flatMap((part) => (part.kind === kind ? [[part.key, part.value]] : [])));
    // Datasets first: whoever sees our tag of one finds it there.
    if (inputs.length > 0) await client.runs.logInputs(serverId, inputs, call);
    await client.runs.logBatch(serverId, { params: texts('param'), tags: texts('tag'), metrics: points }, call);
    metrics.push(...points);
  };

  const send = async (some: readonly Part[]): Promise<void> => {
    if (some.length === 0) return;
    try {
      await sendAll(some);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (!isWritable) await checkWritable(client, serverId, call);
      isWritable = true;
      const [only] = some;
      if (some.length === 1 && only !== undefined) {
        refused.push({ part: only, error });
        return;
      }
      const half = some.length >>> 1;
      await send(some.slice(0, half));
      await send(some.slice(half));
    }
  };

  await send(parts);
  return { metrics, refused };
}

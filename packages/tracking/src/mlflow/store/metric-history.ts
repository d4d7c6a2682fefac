import type { CallOptions } from '@fairlead/core';
import type { MetricHistory } from '../../store/stored-run';
import type { MlflowClient } from '../client';

/** All points of a metric, in the server's order: by time, then by step. */
export async function readHistory(
  { runs }: MlflowClient,
  serverId: string,
  key: string,
  call: CallOptions,
): Promise<MetricHistory> {
  const pages = [];
  for await (const page of runs.history(serverId, key, call)) pages.push(page);
  const points = pages.flat();
  return {
    key,
    steps: Float64Array.from(points, ({ step }) => step),
    timestamps: Float64Array.from(points, ({ timestamp }) => timestamp),
    values: Float64Array.from(points, ({ value }) => value),
  };
}

/** The points of a metric that there is not. */
export function emptyHistory(key: string): MetricHistory {
  const none = new Float64Array();
  return { key, steps: none, timestamps: none, values: none };
}

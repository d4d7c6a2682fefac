import type { RegistrySnapshot } from '@fairlead/core/metrics';

/** The primary process asks a worker for its metrics. */
export interface SnapshotRequest {
  readonly fairlead: 'metrics-request';
  readonly id: number;
}

/** A worker's answer; without an `id` it tells what nobody asked, before it ends. */
export interface SnapshotAnswer {
  readonly fairlead: 'metrics-answer';
  readonly id?: number;
  readonly snapshot: RegistrySnapshot;
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null ? (message as { fairlead?: unknown }).fairlead : undefined;
}

/** Whether a message, of which a program may send others, is a request. */
export function isSnapshotRequest(message: unknown): message is SnapshotRequest {
  return kindOf(message) === 'metrics-request' && typeof (message as SnapshotRequest).id === 'number';
}

/** Whether a message is an answer; its snapshot is not checked yet. */
export function isSnapshotAnswer(message: unknown): message is SnapshotAnswer {
  return kindOf(message) === 'metrics-answer';
}

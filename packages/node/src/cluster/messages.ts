import type { RegistrySnapshot } from '@fairlead/core/metrics';

/* What a primary process and its workers say to each other over the channel that `node:cluster` gives them. Nobody else reaches it. */

/** Asks a worker to answer what it accepted, and to end. */
export interface CloseRequest {
  readonly fairlead: 'cluster-close';
  /** Whether others go on serving the port. */
  readonly handsOver: boolean;
}

/** A worker serves. */
export interface ReadyMessage {
  readonly fairlead: 'cluster-ready';
  readonly port?: number;
  readonly url?: string;
}

/** A worker could not start, and ends. */
export interface FailedMessage {
  readonly fairlead: 'cluster-failed';
  readonly failure: StartFailure;
}

/** A worker was asked by a signal to end, and asks for another one in its place. */
export interface LeavingMessage {
  readonly fairlead: 'cluster-leaving';
}

/** A worker is scraped, and asks for the metrics of all. */
export interface ScrapeRequest {
  readonly fairlead: 'cluster-scrape';
  readonly id: number;
}

/** The metrics of all. */
export interface ScrapeAnswer {
  readonly fairlead: 'cluster-scraped';
  readonly id: number;
  readonly snapshot: RegistrySnapshot;
}

/** Why a worker could not start, as plain data. */
export interface StartFailure {
  /** Of a `FairleadError`. */
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  /** Of a `FairleadError`, where they can be said in JSON. */
  readonly details?: Readonly<Record<string, unknown>>;
}

type FromWorker = ReadyMessage | FailedMessage | LeavingMessage | ScrapeRequest;
type FromPrimary = CloseRequest | ScrapeAnswer;

/** The message of a worker; undefined for what the program itself sends. */
export function fromWorker(message: unknown): FromWorker | undefined {
  const { fairlead: kind, id, failure, port, url } = fieldsOf(message);
  switch (kind) {
    case 'cluster-ready':
      return {
        fairlead: kind,
        ...(typeof port === 'number' && { port }),
        ...(typeof url === 'string' && { url }),
      };
    case 'cluster-leaving':
      return { fairlead: kind };
    case 'cluster-failed':
      return typeof fieldsOf(failure).message === 'string' ? (message as FailedMessage) : undefined;
    case 'cluster-scrape':
      return typeof id === 'number' ? { fairlead: kind, id } : undefined;
    default:
      return undefined;
  }
}

/** The message of a primary process; undefined for what the program itself sends. */
export function fromPrimary(message: unknown): FromPrimary | undefined {
  const { fairlead: kind } = fieldsOf(message);
  return kind === 'cluster-close' || kind === 'cluster-scraped' ? (message as FromPrimary) : undefined;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

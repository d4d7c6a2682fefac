import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { quantile } from '../lib/load';

/** A load on a gRPC server of this machine. */
export interface GrpcLoad {
  readonly port: number;
  /** The method, `/package.Service/Method`. */
  readonly method: string;
  /** Messages in base64; sent in turn. */
  readonly messages: readonly string[];
  /** Calls that wait for their answers at once. */
  readonly inFlight: number;
  /** Connections that they are spread over; no more than there are calls. */
  readonly channels: number;
  /** Milliseconds that count; whatever is under way at their end is waited for. */
  readonly durationMs: number;
  /** Milliseconds before them that do not. */
  readonly warmUpMs: number;
}

/** What a load came to. */
export interface GrpcLoadResult {
  /** Answers with status OK a second. */
  readonly perSecond: number;
  /** Milliseconds from the call to its answer, of those with status OK; NaN where there is none. */
  readonly p50: number;
  readonly p99: number;
  /** Calls that ended otherwise. */
  readonly failed: number;
  /** Why the last of them did. */
  readonly failure: string | undefined;
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** Drives a load by grpc-js, whose messages are written beforehand and whose answers stay bytes. */
export async function driveGrpc(load: GrpcLoad): Promise<GrpcLoadResult> {
  const { port, method, inFlight, durationMs, warmUpMs } = load;
  const messages = load.messages.map((text) => Buffer.from(text, 'base64'));
  const clients = Array.from(
    { length: Math.min(load.channels, inFlight) },
    // Else all clients of one address share a connection.
    () => new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
  );
  const times: number[] = [];
  let [failed, next] = [0, 0];
  let failure: string | undefined;
  const begin = performance.now();
  const countFrom = begin + warmUpMs;
  const endAt = countFrom + durationMs;

  const ask = (client: Client): Promise<void> =>
    new Promise((resolve) => {
      const askedAt = performance.now();
      const message = messages[next++ % messages.length] as Buffer;
      client.makeUnaryRequest(method, asIs, asIs, message, (error: ServiceError | null) => {
        if (error !== null) {
          failed++;
          failure = error.message;
        } else if (askedAt >= countFrom) times.push(performance.now() - askedAt);
        resolve();
      });
    });
  const call = async (client: Client): Promise<void> => {
    // One call counts at least, however slow the server is.
    while ((performance.now() < endAt || times.length === 0) && failed < 1000) await ask(client);
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => call(clients[index % clients.length] as Client)));
  const elapsedMs = performance.now() - countFrom;
  for (const client of clients) client.close();
  const ascending = Float64Array.from(times).sort();
  return {
    perSecond: (ascending.length / elapsedMs) * 1000,
    p50: quantile(ascending, 0.5),
    p99: quantile(ascending, 0.99),
    failed,
    failure,
  };
}

import { expect } from 'vitest';
import { FairleadError } from '../errors';
import type { Closeable } from '../lifecycle';
import type { Logger } from '../logger';
import type { Handler } from '../serving/index';
import { type RemoteOptions, type RemoteProtocol, type RemoteRunner, remote } from './index';

/* What the tests of remote runners share: connections without a socket, to our own handler or to a server that the test scripts. */

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

const open: Closeable[] = [];

/** Has something closed by {@link closeAll}. */
export function keep<T extends Closeable>(closeable: T): T {
  open.push(closeable);
  return closeable;
}

/** For `afterEach`. */
export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((each) => each.close()));
}

/** Answers a request. */
export type Answer = (request: Request) => Response | Promise<Response>;

/** A remote runner of the model `mock` that is answered by `answer`. */
export async function connect(
  protocol: RemoteProtocol,
  answer: Answer,
  options: Partial<RemoteOptions> = {},
): Promise<RemoteRunner> {
  const fetch = async (url: unknown, init?: RequestInit) => answer(new Request(url as string, init));
  return keep(
    await remote({
      url: 'http://test',
      model: 'mock',
      protocol,
      fetch: fetch as typeof globalThis.fetch,
      logger: silent,
      ...options,
    }),
  );
}

/** A handler that keeps the requests that it is asked. */
export function recorded(handle: Handler): { readonly answer: Answer; readonly requests: readonly Request[] } {
  const requests: Request[] = [];
  const answer: Answer = (request) => {
    requests.push(request.clone() as Request);
    return handle(request);
  };
  return { answer, requests };
}

/** What a call was refused with. */
export async function failureOf(run: Promise<unknown>): Promise<FairleadError> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(FairleadError.isInstance(error)).toBe(true);
  return error as FairleadError;
}

import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { FairleadError } from '@fairlead/core';

/*
 * Who may ask. The server listens on the loopback, which every page in the user's browser can reach too. A page whose own
 * name was pointed at 127.0.0.1 (DNS rebinding) is told by its Host; one that merely sends requests by what browsers say of
 * them (Origin, Sec-Fetch-Site); and what changes something needs the token that only our page was given.
 */

/** The header in which the page gives back the token. */
export const tokenHeader = 'x-fairlead-token';

function refused(message: string, field: string, expected: string, given: unknown): FairleadError {
  return new FairleadError('UNSUPPORTED', message, { details: { field, expected, given: String(given) } });
}

/** The host of a `Host` header or an origin without its port. */
function hostNameOf(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}

const loopbackNames: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];

/** Whether a server that listens there can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return loopbackNames.includes(host.includes(':') && !host.startsWith('[') ? `[${host}]` : host);
}

/**
 * Refuses a request that another site sent, or that was sent to another name.
 * @returns why it is refused; `undefined` where it may go on
 */
export function checkRequest(
  request: Pick<IncomingMessage, 'headers' | 'method'>,
  token: string,
): FairleadError | undefined {
  const { host = '', origin, 'sec-fetch-site': site } = request.headers;
  // The port may be another one: an SSH tunnel ends where its user likes.
  if (!loopbackNames.includes(hostNameOf(host))) {
    return refused(
      `Requests must be sent to localhost or 127.0.0.1; given "${host}". To reach this page from another machine, open an SSH tunnel.`,
      'host',
      loopbackNames.join(' or '),
      host,
    );
  }
  if (site === 'cross-site' || site === 'same-site') {
    return refused('Another site may not ask. Open the address itself.', 'sec-fetch-site', 'same-origin or none', site);
  }
  if (origin !== undefined && origin !== `http://${host}`) {
    return refused('Another site may not ask. Open the address itself.', 'origin', `http://${host}`, origin);
  }
  if (request.method === 'GET' || request.method === 'HEAD') return undefined;
  const given = Buffer.from(String(request.headers[tokenHeader] ?? ''));
  const wanted = Buffer.from(token);
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return undefined;
  return refused('The token of the page is missing or old. Load the page again.', tokenHeader, 'the token', 'another');
}

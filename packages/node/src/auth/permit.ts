import { FairleadError } from '@fairlead/core';
import type { Arrival, Guard, Operation, Principal } from '@fairlead/core/serving';
import type { RateLimit } from './rate-limiter';
import { allows, type Scope } from './scope';

/** What the guards of this entry have in common. */
export interface GuardOptions {
  /**
   * What needs no credentials. Only calls that name no model are open: the readiness of one model would tell who asks for names which
   * there are. @default ['health']: whether the server is alive and ready
   */
  readonly open?: readonly ('health' | 'metadata' | 'list' | 'metrics' | 'documentation')[];
  /** For everybody who has no rate limit of his own; each has his own bucket, in this process. @default none */
  readonly rateLimit?: RateLimit;
}

const openByDefault: readonly Operation[] = ['health'];

/** What a guard tells the documentation: how a caller may show who he is, and what is open. */
export function describeGuard(
  name: string,
  scheme: Readonly<Record<string, unknown>>,
  open: readonly Operation[] = openByDefault,
): Pick<Guard, 'securitySchemes' | 'openOperations'> {
  return { securitySchemes: { [name]: scheme }, openOperations: open };
}

/** The security scheme of a credential in a header: a bearer token in `authorization`, and in any other the credential alone. */
export function headerScheme(
  header: string,
  description: string,
  bearerFormat?: string,
): Readonly<Record<string, unknown>> {
  if (header !== 'authorization') return { type: 'apiKey', in: 'header', name: header, description };
  return { type: 'http', scheme: 'bearer', ...(bearerFormat !== undefined && { bearerFormat }), description };
}

/** Whether a call needs no credentials. */
export function isOpen(call: Arrival, open: readonly Operation[] = openByDefault): boolean {
  return call.model === undefined && open.includes(call.operation);
}

/**
 * The error of a caller who has not shown who he is.
 * @param principal whose credentials these were, for audits
 */
export function unauthenticated(message: string, challenge: string, principal?: Principal): FairleadError {
  const details = { challenge, ...(principal !== undefined && { principal }) };
  return new FairleadError('UNAUTHENTICATED', message, { details });
}

/**
 * Lets a caller who is known do what he may do.
 *
 * The errors name him in `details.principal`, for audits.
 *
 * @param takeOne takes one request out of his bucket; gives the milliseconds until there is one, or 0
 * @throws FairleadError `FORBIDDEN` outside his scope, `OVERLOADED` past his rate
 */
export function permit(call: Arrival, principal: Principal, scope: Scope, takeOne: () => number): Principal {
  const { operation, model } = call;
  if (!allows(scope, operation, model)) {
    const what = model === undefined ? `"${operation}"` : `"${operation}" with this model`;
    const message = `These credentials do not allow ${what}. Ask for others, or for a wider scope.`;
    throw new FairleadError('FORBIDDEN', message, { details: { operation, principal } });
  }
  const retryAfterMs = takeOne();
  if (retryAfterMs > 0) {
    const message = 'These credentials have been used too often. Send the request again later.';
    throw new FairleadError('OVERLOADED', message, { details: { retryAfterMs, principal } });
  }
  return principal;
}

/** The name of a principal, as it may stand in logs: no control characters, not endless. */
export function isPrincipalId(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 256 && !/\p{Cc}/u.test(value);
}

/** What a header carries: a bearer token in `authorization`, and in any other the credential alone. */
export function credentialOf(call: Arrival, header: string): string | undefined {
  const value = call.header(header) ?? undefined;
  if (value === undefined || header !== 'authorization') return value;
  return /^bearer +(\S+) *$/i.exec(value)?.[1];
}

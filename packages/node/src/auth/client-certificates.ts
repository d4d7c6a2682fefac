import { type Clock, consoleLogger, type Logger, parseOptions, systemClock } from '@fairlead/core';
import type { Guard, PeerCertificate } from '@fairlead/core/serving';
import * as z from 'zod/mini';
import { askUser, scopeOf } from './grant';
import { describeGuard, type GuardOptions, isOpen, isPrincipalId, permit, unauthenticated } from './permit';
import { createRateLimiter } from './rate-limiter';
import { openField, type Scope, scopeFields } from './scope';

/** Options of {@link clientCertificates}. */
export interface ClientCertificatesOptions extends GuardOptions {
  /**
   * Who it is; undefined refuses.
   * @default the first `URI:` among its names (as SPIFFE has it), else the first `DNS:`, else the subject's `CN`
   */
  readonly principalOf?: (certificate: PeerCertificate) => string | undefined;
  /** What he may do; undefined refuses. @default all models, and the operations that a {@link Scope} has when it names none */
  readonly scopesOf?: (principal: string, certificate: PeerCertificate) => Scope | undefined;
  /** Told of a `principalOf` or `scopesOf` that fails. @default console */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isFunction = (value: unknown): boolean => typeof value === 'function';

const schema = z.strictObject({
  principalOf: z.optional(z.custom<NonNullable<ClientCertificatesOptions['principalOf']>>(isFunction, 'a function')),
  scopesOf: z.optional(z.custom<NonNullable<ClientCertificatesOptions['scopesOf']>>(isFunction, 'a function')),
  rateLimit: scopeFields.rateLimit,
  open: openField,
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

/**
 * A guard that lets in who proves a certificate of his own when the connection is made, which `serve` asks for with `tls: {
 * requestClientCertificate }`. Whether it is good is decided there, by `tls.ca`; here it is decided who that is and what he may do.
 *
 * @returns rejects calls with `UNAUTHENTICATED` (no certificate, or one that names nobody), `FORBIDDEN` and `OVERLOADED`
 * @throws FairleadError `INVALID_OPTION`
 */
export function clientCertificates(options?: ClientCertificatesOptions): Guard {
  const parsed = parseOptions(schema, options, 'clientCertificates');
  const { clock = systemClock, logger = consoleLogger, open, rateLimit } = parsed;
  const { principalOf = usualPrincipal, scopesOf = () => ({}) } = parsed;
  const limiter = createRateLimiter(clock);
  return {
    ...describeGuard('clientCertificate', { type: 'mutualTLS', description: 'A certificate of the client.' }, open),
    admit(call) {
      if (isOpen(call, open)) return undefined;
      const certificate = call.peer?.certificate;
      if (certificate === undefined)
        throw unauthenticated('This needs a client certificate. Connect with one.', 'Certificate');
      const id = askUser('clientCertificates: "principalOf"', logger, () => principalOf(certificate));
      if (!isPrincipalId(id))
        throw unauthenticated('The client certificate is of nobody who is known here.', 'Certificate');
      const principal = { id, scheme: 'client-certificate' };
      const scope = scopeOf('clientCertificates: "scopesOf"', logger, principal, () => scopesOf(id, certificate));
      return permit(call, principal, scope, () => limiter.take(id, scope.rateLimit ?? rateLimit));
    },
  };
}

function usualPrincipal({ subject, alternativeNames }: PeerCertificate): string | undefined {
  for (const kind of ['URI:', 'DNS:']) {
    const name = alternativeNames.find((each) => each.startsWith(kind));
    if (name !== undefined) return name.slice(kind.length);
  }
  return subject.CN;
}

import { FairleadError } from '@fairlead/core';
import type { Arrival, CallOutcome, Principal } from '@fairlead/core/serving';
import { clean } from './clean';

/** What a line about a call says. Inputs and outputs are not in it, nor any message of an error, which may quote them. */
export interface AuditedCall {
  readonly kind: 'call';
  /** When it arrived, in ISO 8601. */
  readonly at: string;
  readonly protocol: string;
  readonly operation: string;
  /** The model asked for; absent where none was named. */
  readonly model?: string;
  /** The version that answered, or else the one that was asked for. */
  readonly version?: string;
  /** SHA-256 of the model that answered. */
  readonly digest?: string;
  /** Whom the guard took the caller for, also where it refused him; absent where it knew nobody. */
  readonly principal?: string;
  /** How that was proved. */
  readonly scheme?: string;
  /** Address of the other end of the connection, which may be a proxy. */
  readonly address?: string;
  /** The caller's own name for the request. */
  readonly requestId?: string;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
  readonly rows?: number;
  readonly batchSize?: number;
  /** Milliseconds from arrival to end. */
  readonly durationMs: number;
}

/** Makes the line of a call that has ended. */
export function describeCall(
  call: Arrival,
  { code, error, principal: admitted, facts, durationMs }: CallOutcome,
  at: string,
  requestIdHeader: string,
): AuditedCall {
  const principal = admitted ?? refusedOf(error);
  const version = facts?.model.version ?? call.version;
  const requestId = call.header(requestIdHeader) ?? undefined;
  return {
    kind: 'call',
    at,
    protocol: call.protocol,
    operation: call.operation,
    ...(call.model !== undefined && { model: clean(call.model) }),
    ...(version !== undefined && { version: clean(version) }),
    ...(facts !== undefined && { digest: facts.model.digest }),
    ...(principal !== undefined && { principal: clean(principal.id), scheme: clean(principal.scheme) }),
    ...(call.peer?.address !== undefined && { address: clean(call.peer.address) }),
    ...(requestId !== undefined && { requestId: clean(requestId) }),
    outcome: code ?? 'ok',
    ...(facts !== undefined && { rows: facts.rows, batchSize: facts.batchSize }),
    durationMs: Math.round(durationMs * 1000) / 1000,
  };
}

/** Whom a guard knew and refused: the guards of `auth` say so in their error. */
function refusedOf(error: unknown): Principal | undefined {
  if (!FairleadError.isInstance(error)) return undefined;
  const { id, scheme } = (error.details.principal ?? {}) as Partial<Principal>;
  return typeof id === 'string' && typeof scheme === 'string' ? { id, scheme } : undefined;
}

import { FairleadError } from '@fairlead/core';
import type { Arrival, Guard, Principal } from '@fairlead/core/serving';

/**
 * A guard that lets in whoever one of several does, asked in this order. A caller whom none of them knows is `UNAUTHENTICATED`; one
 * whom some know and none lets do this is `FORBIDDEN`. Any other failure, such as a rate that was passed, is final.
 *
 * @throws FairleadError `INVALID_OPTION` without guards
 */
export function anyOf(...guards: readonly Guard[]): Guard {
  if (guards.length === 0 || !guards.every((guard) => typeof guard?.admit === 'function')) {
    throw new FairleadError('INVALID_OPTION', 'anyOf: expected one guard or more, such as apiKeys(…) and jwt(…).', {
      details: { field: 'guards', expected: 'one guard or more' },
    });
  }
  return {
    securitySchemes: joinSchemes(guards),
    openOperations: [...new Set(guards.flatMap(({ openOperations = [] }) => openOperations))],
    async admit(call) {
      const refusals: FairleadError[] = [];
      for (const guard of guards) {
        try {
          return await ask(guard, call);
        } catch (error) {
          if (!isRefusal(error)) throw error;
          refusals.push(error);
        }
      }
      throw worstOf(refusals);
    },
  };
}

/** All schemes; where two of another kind have the same name, the second is counted. */
function joinSchemes(guards: readonly Guard[]): NonNullable<Guard['securitySchemes']> {
  const joined: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const [name, scheme] of guards.flatMap(({ securitySchemes = {} }) => Object.entries(securitySchemes))) {
    const isSame = (taken: string): boolean => JSON.stringify(joined[taken]) === JSON.stringify(scheme);
    let free = name;
    for (let count = 2; Object.hasOwn(joined, free) && !isSame(free); count++) free = `${name}${count}`;
    joined[free] = scheme;
  }
  return joined;
}

async function ask(guard: Guard, call: Arrival): Promise<Principal | undefined> {
  return guard.admit(call);
}

function isRefusal(error: unknown): error is FairleadError {
  return FairleadError.isInstance(error, 'UNAUTHENTICATED') || FairleadError.isInstance(error, 'FORBIDDEN');
}

/** To be known and not allowed says more than to be unknown; of those who do not know the caller, each says what it wants. */
function worstOf(refusals: readonly FairleadError[]): FairleadError {
  const forbidden = refusals.find(({ code }) => code === 'FORBIDDEN');
  if (forbidden !== undefined) return forbidden;
  const messages = [...new Set(refusals.map(({ message }) => message))];
  const challenges = [...new Set(refusals.map(({ details }) => details.challenge))].filter(Boolean);
  return new FairleadError('UNAUTHENTICATED', messages.join(' Or: '), {
    details: { challenge: challenges.join(', ') },
  });
}

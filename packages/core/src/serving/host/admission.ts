import { type FairleadError, stacklessError } from '../../errors';

/** A request's place in a service. */
export interface Place {
  /**
   * Tells how many bytes of its body are held, or will be, in all.
   * @throws FairleadError `OVERLOADED` when the bodies of all requests would be too much
   */
  hold(bytes: number): void;
  leave(): void;
}

/** Bounds what a service has in hand, whatever stands behind it. */
export interface Admission {
  /** @throws FairleadError `OVERLOADED` when there is no place */
  enter(): Place;
}

/** When a request that found no place may try again; nothing is known about those before it. */
const retryAfterMs = 1000;

/** The queue of a runner begins behind the body: what is still arriving, or being read, is bounded here. */
export function createAdmission(maxRequests: number, maxBytes: number): Admission {
  let requests = 0;
  let bytes = 0;
  return {
    enter() {
      if (requests >= maxRequests) throw overloaded(`${maxRequests} requests are under way`);
      requests++;
      let held = 0;
      return {
        hold(total) {
          const more = total - held;
          if (more <= 0) return;
          // One alone always fits, for a body has a limit of its own.
          if (bytes + more > maxBytes && bytes > held) throw overloaded(`the bodies of requests hold ${bytes} bytes`);
          held = total;
          bytes += more;
        },
        leave() {
          requests--;
          bytes -= held;
          held = 0;
        },
      };
    },
  };
}

function overloaded(why: string): FairleadError {
  return stacklessError('OVERLOADED', `The server is full: ${why}. Try again in ${retryAfterMs} ms.`, {
    details: { retryAfterMs },
  });
}

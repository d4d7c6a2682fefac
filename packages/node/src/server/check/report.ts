/** One rule of the protocol, and what a server made of it. */
export interface ServerCheck {
  /** What it belongs to: `server`, `model`, `infer`, `errors`, `binary` or `extensions`. */
  readonly group: string;
  readonly name: string;
  /** `skip` where the rule says nothing about this server or model; `given` then says why. */
  readonly outcome: 'pass' | 'fail' | 'skip';
  readonly expected: string;
  /** What came instead; empty when it passed. */
  readonly given: string;
}

/** What {@link checkServer} found. A plain object that survives JSON. */
export interface ServerReport {
  readonly url: string;
  readonly model: string;
  /** Whether no rule was broken. */
  readonly passes: boolean;
  readonly checks: readonly ServerCheck[];
}

/** What a check answers: true when the rule holds, what came instead, or why it says nothing here. */
export type Verdict = true | string | { readonly skip: string };

/** Takes the checks one after the other. */
export interface Recorder {
  readonly checks: readonly ServerCheck[];
  check(group: string, name: string, expected: string, look: () => Promise<Verdict> | Verdict): Promise<void>;
}

/** Checks in a row whose requests were never answered; after so many, nobody waits for more of them. */
const mostUnanswered = 3;

/**
 * A request that gets no answer at all is a broken rule like any other, and the checks go on; but where nothing comes again and again, they
 * would go on for a quarter of an hour.
 */
export function createRecorder(): Recorder {
  const checks: ServerCheck[] = [];
  let unanswered = 0;
  return {
    checks,
    async check(group, name, expected, look) {
      let verdict: Verdict;
      try {
        verdict =
          unanswered < mostUnanswered ? await look() : { skip: 'not asked, since nothing was answered any more' };
        if (unanswered < mostUnanswered) unanswered = 0;
      } catch (error) {
        unanswered = isTimeout(error) ? unanswered + 1 : 0;
        verdict = error instanceof Error ? withCause(error) : String(error);
      }
      const given = verdict === true ? '' : typeof verdict === 'string' ? verdict : verdict.skip;
      const outcome = verdict === true ? 'pass' : typeof verdict === 'string' ? 'fail' : 'skip';
      checks.push({ group, name, outcome, expected, given });
    },
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}

/** `fetch` says "fetch failed", and its cause why. */
function withCause({ message, cause }: Error): string {
  return cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message;
}

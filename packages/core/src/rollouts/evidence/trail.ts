import type { EvidenceSummary } from '../contracts';

/** The evidence at a look, by challenger and guardrail. A plain object that survives JSON. */
export interface EvidencePoint {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly atEpochMs: number;
  readonly arms: Readonly<
    Record<
      string,
      {
        /** Requests of the challenger that counted by then. */
        readonly requests: number;
        /** E-values by guardrail. */
        readonly guardrails: Readonly<Record<string, { readonly harm: number; readonly nonInferiority: number }>>;
      }
    >
  >;
}

/** The evidence as it came, look by look, in constant memory. */
export interface EvidenceTrail {
  readonly points: readonly EvidencePoint[];
  /** Keeps what is known at a moment; nothing where no block came since. */
  add(epochMs: number, evidence: EvidenceSummary): void;
  /** Another run begins. */
  restart(): void;
}

/** Points that are kept; of as many, every second one goes. */
const maxPoints = 120;

/** Makes a trail without a point. */
export function createEvidenceTrail(): EvidenceTrail {
  let points: EvidencePoint[] = [];
  let known = -1;
  return {
    get points() {
      return points;
    },
    add(epochMs, { arms }) {
      const all = Object.values(arms);
      const blocks = all.reduce(
        (sum, { requests, guardrails }) =>
          guardrails.reduce((some, guardrail) => some + guardrail.blocks, sum + requests),
        0,
      );
      if (all.length === 0 || blocks === known) return;
      known = blocks;
      if (points.length >= maxPoints) points = points.filter((_, index) => index % 2 === 0);
      points.push({ atEpochMs: epochMs, arms: Object.fromEntries(all.map((arm) => [arm.arm, pointOf(arm)])) });
    },
    restart() {
      points = [];
      known = -1;
    },
  };
}

function pointOf({ requests, guardrails }: EvidenceSummary['arms'][string]): EvidencePoint['arms'][string] {
  return {
    requests,
    guardrails: Object.fromEntries(
      guardrails.map(({ guardrail, harm, nonInferiority }) => [
        guardrail,
        { harm: harm.eValue, nonInferiority: nonInferiority.eValue },
      ]),
    ),
  };
}

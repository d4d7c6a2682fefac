/** A decision as off-policy estimates read it: who was chosen, how likely that was, and what it earned. A plain object. */
export interface LoggedDecision {
  readonly id: string;
  /** When it was taken, in milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  /** What was chosen: an arm, or any other action. */
  readonly arm: string;
  /** The chance with which it was chosen. More than 0, at most 1. */
  readonly propensity: number;
  /** What it was chosen by. */
  readonly context?: readonly number[];
  /** What it earned; absent where nothing is known, which is no 0. */
  readonly reward?: number;
}

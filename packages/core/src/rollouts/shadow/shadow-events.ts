import type { OutputComparison } from '../compare/compare-outputs';

/** What a shadow tells. */
export interface ShadowEventMap {
  /** Two answers to the same inputs were compared: the shadow's with the champion's, or the champion's second with its first. */
  'shadow-comparison': {
    readonly decisionId: string;
    readonly against: 'challenger' | 'champion';
    readonly comparison: OutputComparison;
  };
  /** The shadow failed, or answered what cannot be compared. Nobody but the shadow's own counts feels it. */
  'shadow-fail': { readonly decisionId: string; readonly error: unknown };
}

import { lnChiSquaredSurvival } from '../null-law/special-functions';
import { sumOf } from './counts';
import { hellingerOfCounts } from './hellinger';
import { jensenShannonOfCounts } from './jensen-shannon';
import { psiOfCounts } from './psi';

/*
 * The null law of three divergences. Let p and q be the shares of n window rows and m reference rows drawn from one law
 * π over B cells, s = 1/n + 1/m, t = 1/n² + 1/m² and R = Σ 1/π. To second order in p − π and q − π
 *
 *   PSI           Σ (p−q) ln(p/q)      ≈       Σ (p−q)²/π ~  s·χ²
 *   JSD (nats)    Jensen–Shannon       ≈ 1/8 · Σ (p−q)²/π ~ s/8·χ²
 *   Hellinger²    1 − Σ √(p q)         ≈ 1/8 · Σ (p−q)²/π ~ s/8·χ²
 *
 * with B − 1 degrees of freedom, since Var(p−q) = π(1−π)s. That is too small where cells hold few rows. Carrying the
 * expansion of the mean on to the terms in 1/n² (by E(p−π)² = π(1−π)/n, E(p−π)³ = π(1−π)(1−2π)/n² and
 * E(p−π)⁴ ≈ 3π²(1−π)²/n²) gives
 *
 *   E PSI  ≈     (B−1) s + (R−B) t/2
 *   E JSD  ≈ 1/8·(B−1) s + (R−B) t/16 − (R−2B+1) s²/64
 *   E H²   ≈ 1/8·(B−1) s + (R−B) t/16 − (R−2B+1) s²/128
 *
 * and the statistic is divided by the ratio of this mean to the first term, as Bartlett does for the likelihood ratio.
 * π is estimated by both samples together.
 */

/** A divergence that has a scaled χ² law. */
export type Divergence = 'psi' | 'jensen-shannon' | 'hellinger';

/**
 * ln of the probability of a divergence at least as large as that of these counts when both come from one law, by its
 * χ² law with corrected mean. Every cell must hold a row of either sample.
 */
export function lnDivergencePValue(
  divergence: Divergence,
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
): number {
  const cells = reference.length;
  if (cells < 2) return 0;
  const referenceRows = sumOf(reference);
  const windowRows = sumOf(window);
  const s = 1 / windowRows + 1 / referenceRows;
  const t = 1 / windowRows ** 2 + 1 / referenceRows ** 2;
  let inverseShares = 0;
  for (let cell = 0; cell < cells; cell++) {
    inverseShares += (windowRows + referenceRows) / ((window[cell] as number) + (reference[cell] as number));
  }
  const first = (cells - 1) * s;
  const own = ((inverseShares - cells) * t) / 2;
  const shared = (inverseShares - 2 * cells + 1) * s * s;
  switch (divergence) {
    case 'psi': {
      const scaled = psiOfCounts(reference, 0, window, 0, cells) / s;
      return lnChiSquaredSurvival(scaled / (1 + own / first), cells - 1);
    }
    case 'jensen-shannon': {
      const scaled = (8 * Math.LN2 * jensenShannonOfCounts(reference, window) ** 2) / s;
      return lnChiSquaredSurvival(scaled / (1 + (own - shared / 8) / first), cells - 1);
    }
    case 'hellinger': {
      const scaled = (8 * hellingerOfCounts(reference, window) ** 2) / s;
      return lnChiSquaredSurvival(scaled / (1 + (own - shared / 16) / first), cells - 1);
    }
  }
}

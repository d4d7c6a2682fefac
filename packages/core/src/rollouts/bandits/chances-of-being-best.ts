/** A Beta law. Both parameters are 1 or more, so that its density has a bound. */
export interface BetaLaw {
  readonly alpha: number;
  readonly beta: number;
}

/*
 * P(arm a is the best) = ∫ fₐ(x) Π F_b(x) dx over the other arms b, with densities f and distribution functions F. Where an arm is
 * judged by a draw with the chance ε only and else by its mean m, F_b becomes ε F_b(x) + (1 − ε) [x > m_b], the integral counts ε times,
 * and what a wins by its mean is added: (1 − ε) times the product at mₐ. Means are among the ends of pieces, so that no jump lies inside one.
 *
 * The interval is cut where any of the laws bends: at its mean and at multiples of its standard deviation, closely within eight of
 * them and widely beyond. In each piece, densities are evaluated at the four nodes of Gauss and Legendre, which integrate
 * polynomials up to the seventh degree exactly, and F at a node is F at the left end plus the integral of the polynomial through
 * the four densities up to there. So nothing but densities is evaluated, and each law is normalised by its own integral: their
 * scale, which for large parameters is lost in cancellation, is never needed.
 */

const nodes = [0.3399810435848563, 0.8611363115940526].flatMap((node) => [-node, node]).sort((a, b) => a - b);
const nodeWeights = [0.34785484513745385, 0.6521451548625461, 0.6521451548625461, 0.34785484513745385];
/** Nodes and weights on [0, 1]. */
const unitNodes = nodes.map((node) => (1 + node) / 2);
const unitWeights = nodeWeights.map((weight) => weight / 2);
/** `upTo[j][l]`: integral from 0 to node j of the polynomial that is 1 at node l and 0 at the others. */
const upTo = unitNodes.map((end) => unitNodes.map((_, one) => integralOfBasis(one, end)));

/** What a density is taken for 0 beneath, as a logarithm beside its greatest value. */
const negligible = -50;

/** Cuts, in standard deviations from the mean. */
const cuts = [
  ...Array.from({ length: 33 }, (_, index) => (index - 16) / 2),
  ...[9.5, 11, 13, 16, 20, 25, 32, 40].flatMap((cut) => [-cut, cut]),
];

/** Cuts where a density bends at an end of its range, in shares of the way from there to its mean. */
const towardsZero = Array.from({ length: 18 }, (_, index) => 2 ** -(index + 1));

/**
 * The chance of each law's variable to be the greatest of all. They sum to 1.
 *
 * @param drawn how likely a variable is drawn from its law; else it is the mean of its law, independently of the others. Equals share.
 * @returns to about 1e-8, in the order of the laws
 */
export function chancesOfBeingBest(laws: readonly BetaLaw[], drawn = 1): number[] {
  const arms = laws.length;
  if (arms === 1) return [1];
  const peaks = laws.map(peakOf);
  const ends = endsOf(laws);
  const pieces = ends.length - 1;
  // Densities by piece, node and arm, and the distribution functions' values at the beginnings of pieces.
  const densities = new Float64Array(pieces * 4 * arms);
  const totals = new Float64Array(arms);
  for (let piece = 0, at = 0; piece < pieces; piece++) {
    const start = ends[piece] as number;
    const width = (ends[piece + 1] as number) - start;
    for (let node = 0; node < 4; node++) {
      // Within (0, 1) even where a piece is so narrow that rounding leaves it nothing inside.
      const x = Math.min(1 - Number.EPSILON / 2, Math.max(1e-300, start + width * (unitNodes[node] as number)));
      const lnX = Math.log(x);
      const lnRest = Math.log1p(-x);
      for (let arm = 0; arm < arms; arm++, at++) {
        const { alpha, beta } = laws[arm] as BetaLaw;
        const lnDensity = (alpha - 1) * lnX + (beta - 1) * lnRest - (peaks[arm] as number);
        if (lnDensity < negligible) continue;
        const density = Math.exp(lnDensity);
        densities[at] = density;
        totals[arm] = (totals[arm] as number) + width * (unitWeights[node] as number) * density;
      }
    }
  }
  return normalised(integrate(ends, densities, totals, laws.map(meanOf), drawn));
}

function integrate(
  ends: readonly number[],
  densities: Float64Array,
  totals: Float64Array,
  means: readonly number[],
  drawn: number,
): Float64Array {
  const arms = totals.length;
  const chances = new Float64Array(arms);
  const before = new Float64Array(arms);
  /** Chance of each arm to be judged by its mean and to lie below the present piece so. */
  const passed = new Float64Array(arms);
  const below = new Float64Array(arms);
  const shareBelow = (arm: number, mass: number): number =>
    (passed[arm] as number) + drawn * Math.min(1, Math.max(0, mass / (totals[arm] as number)));
  for (let piece = 0; piece < ends.length - 1; piece++) {
    const start = ends[piece] as number;
    const width = (ends[piece + 1] as number) - start;
    if (drawn < 1 && means.includes(start)) {
      for (let arm = 0; arm < arms; arm++) below[arm] = shareBelow(arm, before[arm] as number);
      addMeans(chances, below, means, start, drawn);
      for (let arm = 0; arm < arms; arm++) if (means[arm] === start) passed[arm] = 1 - drawn;
    }
    const base = piece * 4 * arms;
    for (let node = 0; node < 4; node++) {
      const toNode = upTo[node] as readonly number[];
      for (let arm = 0; arm < arms; arm++) {
        let part = 0;
        for (let one = 0; one < 4; one++) {
          part += (toNode[one] as number) * (densities[base + one * arms + arm] as number);
        }
        below[arm] = shareBelow(arm, (before[arm] as number) + width * part);
      }
      const share = width * (unitWeights[node] as number);
      for (let arm = 0; arm < arms; arm++) {
        let term = (drawn * share * (densities[base + node * arms + arm] as number)) / (totals[arm] as number);
        if (term === 0) continue;
        for (let other = 0; other < arms; other++) if (other !== arm) term *= below[other] as number;
        chances[arm] = (chances[arm] as number) + term;
      }
    }
    for (let node = 0; node < 4; node++) {
      for (let arm = 0; arm < arms; arm++) {
        const mass = width * (unitWeights[node] as number) * (densities[base + node * arms + arm] as number);
        before[arm] = (before[arm] as number) + mass;
      }
    }
  }
  return chances;
}

/**
 * Adds what arms win by their mean: those whose mean it is, each of them with the others that are judged so sharing.
 *
 * @param below how likely each arm lies below it
 */
function addMeans(
  chances: Float64Array,
  below: Float64Array,
  means: readonly number[],
  mean: number,
  drawn: number,
): void {
  const apart = means.reduce((product, other, arm) => (other === mean ? product : product * (below[arm] as number)), 1);
  for (let arm = 0; arm < means.length; arm++) {
    if (means[arm] !== mean) continue;
    // How likely so many of the others are judged by this mean too, and the rest of them drawn below it.
    let sharing = [1];
    for (let other = 0; other < means.length; other++) {
      if (other === arm || means[other] !== mean) continue;
      const grown = [...sharing.map((chance) => chance * (below[other] as number)), 0];
      sharing.forEach((chance, count) => {
        grown[count + 1] = (grown[count + 1] as number) + chance * (1 - drawn);
      });
      sharing = grown;
    }
    const won = sharing.reduce((sum, chance, count) => sum + chance / (count + 1), 0);
    chances[arm] = (chances[arm] as number) + (1 - drawn) * apart * won;
  }
}

function meanOf({ alpha, beta }: BetaLaw): number {
  return alpha / (alpha + beta);
}

function normalised(chances: Float64Array): number[] {
  const sum = chances.reduce((all, chance) => all + chance, 0);
  return Array.from(chances, (chance) => chance / sum);
}

/** The logarithm of the density at its greatest, without its constant. */
function peakOf({ alpha, beta }: BetaLaw): number {
  const size = alpha + beta - 2;
  if (size === 0) return 0;
  const left = alpha === 1 ? 0 : (alpha - 1) * Math.log((alpha - 1) / size);
  const right = beta === 1 ? 0 : (beta - 1) * Math.log((beta - 1) / size);
  return left + right;
}

/** Whether a density behaves like a low power that is not whole at the end of its range, which no polynomial follows. */
function bendsAtEnd(parameter: number): boolean {
  return parameter < 5 && !Number.isInteger(parameter);
}

/** Where pieces begin and end, from 0 to 1. */
function endsOf(laws: readonly BetaLaw[]): number[] {
  const ends = [0, 1];
  for (const { alpha, beta } of laws) {
    const size = alpha + beta;
    const mean = meanOf({ alpha, beta });
    const deviation = Math.sqrt((mean * (beta / size)) / (size + 1));
    for (const cut of cuts) {
      const end = mean + cut * deviation;
      if (end > 0 && end < 1) ends.push(end);
    }
    if (bendsAtEnd(alpha)) ends.push(...towardsZero.map((cut) => mean * cut));
    if (bendsAtEnd(beta)) ends.push(...towardsZero.map((cut) => 1 - (1 - mean) * cut));
  }
  ends.sort((a, b) => a - b);
  return ends.filter((end, index) => index === 0 || end > (ends[index - 1] as number));
}

/** ∫ from 0 to `end` of the Lagrange polynomial of one node, by the quadrature that is exact for it. */
function integralOfBasis(one: number, end: number): number {
  let sum = 0;
  for (let node = 0; node < 4; node++) {
    const x = end * (unitNodes[node] as number);
    let value = end * (unitWeights[node] as number);
    for (let other = 0; other < 4; other++) {
      if (other === one) continue;
      value *= (x - (unitNodes[other] as number)) / ((unitNodes[one] as number) - (unitNodes[other] as number));
    }
    sum += value;
  }
  return sum;
}

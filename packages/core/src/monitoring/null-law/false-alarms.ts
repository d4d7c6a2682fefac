/*
 * How one number, the mean number of rows between false alarms R, becomes the threshold of every look.
 *
 * 1. A look. When a bucket of b rows is full, the window of the last n ≤ 10·b rows is compared with the m rows of the
 *    reference, in all F features. It yields one p-value, P, for the hypothesis that window and reference rows were
 *    drawn independently from one distribution.
 *
 * 2. Repeated looks. An alarm is raised when P ≤ α with α = b / R. By the linearity of expectation, T rows without a
 *    drift hold T/b looks and at most T/b · α = T/R of them in expectation raise an alarm, however much the windows
 *    overlap: dependence changes which looks alarm together, not how many. As overlapping alarms join in one episode,
 *    the rate of episodes is smaller still. Hence at most one false alarm in R rows in the long run, averaged over
 *    references too.
 *
 * 3. Features. P = min(1, F · min over features of P_f), after Bonferroni: valid for any dependence between features.
 *
 * 4. Within a feature three statistics are asked: P_f = min(1, 3 · min(P_psi, P_ks, P_rare)).
 *
 *    P_psi, over the bins (tallies of NaN and ±∞ among them) that expect at least ten rows in window and reference.
 *    Let p, q be the two samples' shares. To second order PSI = Σ(p−q)ln(p/q) ≈ Σ(p−q)²/π, and under the null
 *    Var(p−q) = π(1−π)(1/n + 1/m), so PSI is about (1/n + 1/m)·χ² with B−1 degrees of freedom. Beyond second order a
 *    bin that by chance is nearly empty weighs more in PSI than it is improbable, and the law errs by a factor of 4 at
 *    P = 1e-5 where bins expect 20 rows, of 35 where they expect 10. So the likelihood-ratio statistic
 *    G = 2 Σ k ln(k / k̂), which has the same limit law but follows it far into the tail once divided by Bartlett's
 *    factor 1 + (Σ1/π − 1)(1/n + 1/m − 1/(n+m)) / (6(B−1)) (Williams 1976), has to agree: P_psi is the larger of the
 *    two. In simulations of 4 million null draws for each of 20 combinations
 *    of n, m and π with ten expected rows or more, the true probability stayed below 1.3 times P_psi down to 1e-5.
 *
 *    P_ks: √(nm/(n+m))·D on the bins' edges against Kolmogorov's limit law. D on bins is at most the true D, and ties
 *    make it smaller: conservative.
 *
 *    P_rare, for the bins that expect fewer than ten rows: Fisher's exact test of each, times how many there are. Given
 *    the sum of both samples in a bin, the window's part is hypergeometric, and which bins are rare depends on those
 *    sums alone. This is what catches a value that the reference has never had, without the usual alarm at its first
 *    honest occurrence.
 *
 *    The reference's own sampling error is in every one of the three (the 1/m): a reference of few rows makes the
 *    monitor less sensitive, not less honest.
 *
 * The assumptions: rows are independent draws. Where they are not, the promise fails, and the false alarms come faster:
 * rows that repeat (a small set of requests sent over and over), autocorrelation (frames of a video, one user's
 * requests in a row), seasons (night against day when the reference knows only days), a reference that was not drawn
 * from what production sends. Averaged over references: with one reference that happens to be poor the rate is above
 * the average, with most others below it. The mean time to the first alarm is at least R/2.
 */

/** How many statistics are asked for each feature. */
export const statisticsPerFeature = 3;

/** A warning may come this many times as often as an alarm. */
export const warningFactor = 10;

/**
 * ln α: the p-value at or below which one look raises an alarm.
 *
 * @param bucketRows rows between two looks
 * @param meanRowsBetweenFalseAlarms the number that the user states
 */
export function lnAlarmLevel(bucketRows: number, meanRowsBetweenFalseAlarms: number): number {
  return Math.log(bucketRows / meanRowsBetweenFalseAlarms);
}

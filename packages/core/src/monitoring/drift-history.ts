import type { DriftEpisode, DriftState, Position } from './alerts';
import type { FeatureReport } from './attribution';

/** Most points that are kept; an even number. */
const mostPoints = 240;
const mostEpisodes = 32;
const topMoversPerEpisode = 3;
const states: readonly DriftState[] = ['ok', 'warning', 'drift'];

/** The evidence over a stretch of time between looks. */
export interface HistoryPoint {
  /** Milliseconds since 1970-01-01 UTC at its end. */
  readonly epochMs: number;
  /** Rows seen at its end. */
  readonly rowsSeen: number;
  /** log₁₀ of the most evidence in it, 0 at least. */
  readonly evidenceLog10: number;
  /** The worst state at its looks. */
  readonly state: DriftState;
}

/** An episode that began, and perhaps ended. */
export interface EpisodeReport extends DriftEpisode {
  /** Rows seen when it ended; `null` while it lasts. */
  readonly endedAtRow: number | null;
  /** Milliseconds since 1970-01-01 UTC when it ended; `null` while it lasts. */
  readonly endedAtMs: number | null;
  /** Why it ended; `null` while it lasts. */
  readonly endReason: 'recovered' | 'reference-change' | null;
  /** log₁₀ of the evidence that raised the alarm. */
  readonly evidenceLog10: number;
  /** The features that moved most at the alarm, at most three. */
  readonly topMovers: readonly string[];
}

/** What a monitor remembers of its own life, in constant memory. Plain data. */
export interface DriftHistoryReport {
  /** Looks that a point stands for. */
  readonly looksPerPoint: number;
  /** At most 241, the oldest first; the last may be the moment of the report, after fewer looks. */
  readonly points: readonly HistoryPoint[];
  /** The latest 32 episodes, the oldest first. */
  readonly episodes: readonly EpisodeReport[];
}

/**
 * The evidence from the first look to the last. When all points are taken, neighbours become one with the greater evidence and
 * the worse state: the memory stays the same, the whole life stays in sight, and no alarm can vanish between two points.
 */
export class DriftHistory {
  readonly #epochMs = new Float64Array(mostPoints);
  readonly #rowsSeen = new Float64Array(mostPoints);
  readonly #evidence = new Float64Array(mostPoints);
  readonly #states = new Uint8Array(mostPoints);
  readonly #episodes: EpisodeReport[] = [];
  #points = 0;
  #looksPerPoint = 1;
  /** Of the point that is being filled. */
  #looks = 0;
  #peak = 0;
  #worst = 0;

  /** Takes the most evidence of a block into account. */
  weigh(evidence: number): void {
    if (evidence > this.#peak) this.#peak = evidence;
  }

  /** Ends a stretch between two looks, in which the state was `state`. */
  look({ epochMs, rowsSeen }: Position, state: DriftState): void {
    this.#worst = Math.max(this.#worst, states.indexOf(state));
    if (++this.#looks < this.#looksPerPoint) return;
    if (this.#points === mostPoints) this.#halve();
    // After halving a point takes twice the looks: this one goes on.
    if (this.#looks < this.#looksPerPoint) return;
    const point = this.#points++;
    this.#epochMs[point] = epochMs;
    this.#rowsSeen[point] = rowsSeen;
    this.#evidence[point] = this.#peak;
    this.#states[point] = this.#worst;
    this.#looks = 0;
    this.#peak = 0;
    this.#worst = 0;
  }

  /** Notes that an episode began. */
  begin(episode: DriftEpisode, evidenceLog10: number, topMovers: readonly FeatureReport[]): void {
    if (this.#episodes.length === mostEpisodes) this.#episodes.shift();
    const names = topMovers.slice(0, topMoversPerEpisode).map(({ name }) => name);
    this.#episodes.push({
      ...episode,
      endedAtRow: null,
      endedAtMs: null,
      endReason: null,
      evidenceLog10,
      topMovers: names,
    });
  }

  /** Notes that the latest episode ended. */
  end({ epochMs, rowsSeen }: Position, endReason: 'recovered' | 'reference-change'): void {
    const last = this.#episodes.pop();
    if (last !== undefined) this.#episodes.push({ ...last, endedAtRow: rowsSeen, endedAtMs: epochMs, endReason });
  }

  /** @param state at the position, which the last point tells of where rows came since the last look */
  report(position: Position, state: DriftState, log10Of: (evidence: number) => number): DriftHistoryReport {
    const points: HistoryPoint[] = [];
    for (let point = 0; point < this.#points; point++) {
      points.push({
        epochMs: this.#epochMs[point] as number,
        rowsSeen: this.#rowsSeen[point] as number,
        evidenceLog10: log10Of(this.#evidence[point] as number),
        state: states[this.#states[point] as number] as DriftState,
      });
    }
    const { epochMs, rowsSeen } = position;
    if (rowsSeen > (points.at(-1)?.rowsSeen ?? 0)) {
      const worst = states[Math.max(this.#worst, states.indexOf(state))] as DriftState;
      points.push({ epochMs, rowsSeen, evidenceLog10: log10Of(this.#peak), state: worst });
    }
    return { looksPerPoint: this.#looksPerPoint, points, episodes: [...this.#episodes] };
  }

  #halve(): void {
    this.#points = mostPoints / 2;
    this.#looksPerPoint *= 2;
    for (let point = 0; point < this.#points; point++) {
      const first = point * 2;
      const second = first + 1;
      this.#epochMs[point] = this.#epochMs[second] as number;
      this.#rowsSeen[point] = this.#rowsSeen[second] as number;
      this.#evidence[point] = Math.max(this.#evidence[first] as number, this.#evidence[second] as number);
      this.#states[point] = Math.max(this.#states[first] as number, this.#states[second] as number);
    }
  }
}

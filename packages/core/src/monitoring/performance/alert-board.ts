import { boundOf, type PerformanceAlertRule, pValueOf, referenceMetric } from './alert-rules';
import type { MetricEstimates } from './measure';
import { isLoss, type PerformanceMetric, type PerformanceTask } from './metric-names';
import type { PerformanceReference } from './performance-reference';
import type { SlicePart } from './slices';

/** A time in which performance was worse than it may be. */
export interface PerformanceEpisode {
  /** Unique within and across processes that start at different milliseconds. */
  readonly id: string;
  readonly metric: PerformanceMetric;
  /** The part of a slice that it concerns; absent for all rows. */
  readonly part?: SlicePart;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly startedAtMs: number;
}

/** How a rule stands. */
export interface PerformanceAlert {
  readonly metric: PerformanceMetric;
  /** The part of a slice that it concerns; absent for all rows. */
  readonly part?: SlicePart;
  /**
   * `ok`; `alert`; `too-few` rows to test; `no-reference`, as the rule has a margin and the reference says nothing of these
   * rows; `undefined-metric`, as the rows do not define it.
   */
  readonly state: 'ok' | 'alert' | 'too-few' | 'no-reference' | 'undefined-metric';
  /** What the metric must reach, or for a loss not pass; absent without a reference. */
  readonly bound?: number;
  /** What it was at the last look. */
  readonly value?: number;
  /** Chance of such a value or a worse one where performance is at the bound. */
  readonly pValue?: number;
  /** Present in state `alert`. */
  readonly episode?: PerformanceEpisode;
}

/** What a look changed. */
export interface AlertChange {
  readonly kind: 'start' | 'end';
  readonly alert: PerformanceAlert;
  readonly episode: PerformanceEpisode;
}

/** The rows of one look: all, or one part. */
export interface LookedAt {
  readonly part?: SlicePart;
  readonly rows: number;
  readonly metrics: MetricEstimates;
}

/** How the board is set up. */
export interface AlertBoardSettings {
  readonly task: PerformanceTask;
  readonly rules: readonly PerformanceAlertRule[];
  /** Chance of any false alarm at one look. */
  readonly falseAlarmsALook: number;
  /** Fewest rows that are tested. */
  readonly minRows: number;
}

/**
 * Keeps a state for each rule and part. An episode begins with an alarm, and ends with the first look at which the metric is at
 * its bound or better: between the two lies the hysteresis.
 */
export class AlertBoard {
  readonly #settings: AlertBoardSettings;
  readonly #episodes = new Map<string, PerformanceEpisode>();
  #alerts: readonly PerformanceAlert[] = [];
  #started = 0;

  constructor(settings: AlertBoardSettings) {
    this.#settings = settings;
  }

  /** How each rule stood at the last look. */
  get alerts(): readonly PerformanceAlert[] {
    return this.#alerts;
  }

  /** Episodes that began. */
  get started(): number {
    return this.#started;
  }

  /** Tests every rule on every group of rows. @param now milliseconds since 1970-01-01 UTC */
  look(groups: readonly LookedAt[], reference: PerformanceReference | undefined, now: number): readonly AlertChange[] {
    const { rules, falseAlarmsALook } = this.#settings;
    const bounds = Math.max(1, rules.length * (1 + (reference?.slices.length ?? 0)));
    // Whether a group has rows enough does not depend on how it performs, so only those are tests.
    const tests = rules.length * groups.filter((group) => group.rows >= this.#settings.minRows).length;
    const changes: AlertChange[] = [];
    this.#alerts = rules.flatMap((rule, number) =>
      groups.map((group) => {
        const key = `${number} ${group.part === undefined ? '' : JSON.stringify(group.part)}`;
        const tested = this.#test(rule, group, reference, bounds);
        const alert = this.#move(key, tested, falseAlarmsALook / Math.max(1, tests), now, changes);
        return alert;
      }),
    );
    return changes;
  }

  /** Ends every episode, as with another model. */
  clear(): readonly AlertChange[] {
    const changes = this.#alerts.flatMap(({ episode, ...alert }): AlertChange[] =>
      episode === undefined ? [] : [{ kind: 'end', alert: { ...alert, state: 'ok' }, episode }],
    );
    this.#episodes.clear();
    this.#alerts = [];
    return changes;
  }

  #test(
    rule: PerformanceAlertRule,
    group: LookedAt,
    reference: PerformanceReference | undefined,
    bounds: number,
  ): PerformanceAlert {
    const { task, minRows } = this.#settings;
    const { metric } = rule;
    const about = { metric, ...(group.part === undefined ? {} : { part: group.part }) };
    const bound = boundOf(rule, task, referenceMetric(reference, metric, group.part), bounds);
    if (bound === undefined) return { ...about, state: 'no-reference' };
    const known = { ...about, bound: bound.bound };
    if (group.rows < minRows) return { ...known, state: 'too-few' };
    const estimate = group.metrics[metric];
    if (estimate === undefined) return { ...known, state: 'undefined-metric' };
    return { ...known, state: 'ok', value: estimate.value, pValue: pValueOf(bound, task, estimate) };
  }

  #move(key: string, tested: PerformanceAlert, level: number, now: number, changes: AlertChange[]): PerformanceAlert {
    const lasting = this.#episodes.get(key);
    const { metric, part, value, bound, pValue } = tested;
    if (lasting === undefined) {
      if (pValue === undefined || pValue > level) return tested;
      this.#started++;
      const episode: PerformanceEpisode = {
        id: `performance-${now.toString(36)}-${this.#started}`,
        metric,
        ...(part === undefined ? {} : { part }),
        startedAtMs: now,
      };
      this.#episodes.set(key, episode);
      const alert: PerformanceAlert = { ...tested, state: 'alert', episode };
      changes.push({ kind: 'start', alert, episode });
      return alert;
    }
    // Where there is nothing to go by, an episode lasts.
    const recovered = value !== undefined && bound !== undefined && (isLoss(metric) ? value <= bound : value >= bound);
    if (!recovered) return { ...tested, state: 'alert', episode: lasting };
    this.#episodes.delete(key);
    changes.push({ kind: 'end', alert: tested, episode: lasting });
    return tested;
  }
}

/** What a monitor says about the live rows. */
export type DriftState = 'ok' | 'warning' | 'drift';

/** A time of drift, from its alarm until the window looked like the reference again. */
export interface DriftEpisode {
  /** Unique within and across processes that start at different milliseconds. */
  readonly id: string;
  /** Rows seen when the alarm came. */
  readonly startedAtRow: number;
  /** Milliseconds since 1970-01-01 UTC when the alarm came. */
  readonly startedAtMs: number;
}

/** One look at the evidence. */
export interface Look {
  /** ln of the p-value over all features. */
  readonly lnP: number;
  /** Rows seen so far. */
  readonly rowsSeen: number;
  /** Rows observed so far; the cool-down counts these. */
  readonly rowsObserved: number;
  readonly epochMs: number;
}

/** What a look changed. */
export interface Transition {
  readonly from: DriftState;
  readonly to: DriftState;
  /** The episode that began or ended with it. */
  readonly episode?: DriftEpisode;
}

/** Levels and patience of the state machine. */
export interface AlertRules {
  /** ln of the p-value that raises an alarm. */
  readonly lnAlarm: number;
  /** ln of the p-value that raises a warning; above `lnAlarm`. */
  readonly lnWarning: number;
  /** Looks in a row without a warning that end an episode or a warning. */
  readonly quietLooks: number;
  /** Observed rows after an episode in which an alarm only warns. */
  readonly cooldownRows: number;
}

/**
 * The states ok → warning → drift. Rising is immediate. Falling has hysteresis: only `quietLooks` looks in a row above
 * the warning level lead back to ok, so that evidence around the alarm level makes one episode instead of many. For
 * `cooldownRows` after an episode an alarm stays a warning and is counted as suppressed.
 */
export class AlertMachine {
  readonly #rules: AlertRules;
  #state: DriftState = 'ok';
  #episode: DriftEpisode | undefined;
  #quiet = 0;
  #cooldownUntil = 0;
  #alarms = 0;
  #suppressed = 0;

  constructor(rules: AlertRules) {
    this.#rules = rules;
  }

  get state(): DriftState {
    return this.#state;
  }

  /** The episode that lasts. */
  get episode(): DriftEpisode | undefined {
    return this.#episode;
  }

  /** Episodes that began. */
  get alarms(): number {
    return this.#alarms;
  }

  /** Looks that would have raised an alarm during a cool-down. */
  get suppressed(): number {
    return this.#suppressed;
  }

  /** Takes a look into account. */
  next(look: Look): Transition | undefined {
    const { lnAlarm, lnWarning, quietLooks, cooldownRows } = this.#rules;
    this.#quiet = look.lnP <= lnWarning ? 0 : this.#quiet + 1;
    if (this.#state === 'drift') {
      if (this.#quiet < quietLooks) return undefined;
      this.#cooldownUntil = look.rowsObserved + cooldownRows;
      return this.#end();
    }
    if (look.lnP <= lnAlarm) {
      if (look.rowsObserved >= this.#cooldownUntil) return this.#begin(look);
      this.#suppressed++;
    }
    if (this.#quiet === 0) return this.#moveTo('warning');
    return this.#quiet >= quietLooks ? this.#moveTo('ok') : undefined;
  }

  /** Starts anew, as with another reference: an episode ends, and there is no cool-down. */
  reset(): Transition | undefined {
    this.#quiet = 0;
    this.#cooldownUntil = 0;
    return this.#state === 'drift' ? this.#end() : this.#moveTo('ok');
  }

  #begin(look: Look): Transition {
    this.#alarms++;
    this.#episode = {
      id: `drift-${look.epochMs.toString(36)}-${this.#alarms}`,
      startedAtRow: look.rowsSeen,
      startedAtMs: look.epochMs,
    };
    const from = this.#state;
    this.#state = 'drift';
    return { from, to: 'drift', episode: this.#episode };
  }

  #end(): Transition {
    const episode = this.#episode as DriftEpisode;
    this.#episode = undefined;
    this.#state = 'ok';
    return { from: 'drift', to: 'ok', episode };
  }

  #moveTo(to: DriftState): Transition | undefined {
    if (this.#state === to) return undefined;
    const from = this.#state;
    this.#state = to;
    return { from, to };
  }
}

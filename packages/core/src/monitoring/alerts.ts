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

/** Where the stream of rows is. */
export interface Position {
  /** Rows seen so far. */
  readonly rowsSeen: number;
  /** Rows observed so far; the cool-down counts these. */
  readonly rowsObserved: number;
  readonly epochMs: number;
}

/** What the evidence changed. */
export interface Transition {
  readonly from: DriftState;
  readonly to: DriftState;
  /** The episode that began or ended with it. */
  readonly episode?: DriftEpisode;
}

/** Levels and patience of the state machine. */
export interface AlertRules {
  /** Evidence that raises an alarm. */
  readonly alarmLevel: number;
  /** Evidence that raises a warning; below `alarmLevel`. */
  readonly warningLevel: number;
  /** Looks in a row without an alarm that end an episode. */
  readonly quietLooks: number;
  /** Observed rows after an episode in which an alarm only warns. */
  readonly cooldownRows: number;
}

/**
 * The states ok → warning → drift. Rising is immediate. A warning lasts until a look before which the evidence stayed below its
 * level. An episode has hysteresis: only `quietLooks` looks in a row between which the evidence raised no second alarm, and at
 * which the window resembles the reference, end it, so that one drift makes one episode instead of many. For `cooldownRows`
 * after an episode an alarm stays a warning and is counted as suppressed.
 */
export class AlertMachine {
  readonly #rules: AlertRules;
  #state: DriftState = 'ok';
  #episode: DriftEpisode | undefined;
  #quiet = 0;
  #loud = false;
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

  /** Alarms that were held back during a cool-down. */
  get suppressed(): number {
    return this.#suppressed;
  }

  /** Takes the evidence of a block of rows into account; may raise the state. */
  weigh(evidence: number, position: Position): Transition | undefined {
    const { alarmLevel, warningLevel } = this.#rules;
    if (evidence < warningLevel) return undefined;
    if (this.#state === 'drift') {
      this.#loud ||= evidence >= alarmLevel;
      return undefined;
    }
    this.#loud = true;
    if (evidence >= alarmLevel) {
      if (position.rowsObserved >= this.#cooldownUntil) return this.#begin(position);
      this.#suppressed++;
    }
    return this.#moveTo('warning');
  }

  /**
   * Looks back at the time since the last look; may lower the state.
   * @param differs whether the window differs from the reference
   */
  settle(differs: boolean, position: Position): Transition | undefined {
    this.#quiet = this.#loud || differs ? 0 : this.#quiet + 1;
    this.#loud = false;
    if (this.#state !== 'drift') return this.#quiet > 0 ? this.#moveTo('ok') : undefined;
    if (this.#quiet < this.#rules.quietLooks) return undefined;
    this.#cooldownUntil = position.rowsObserved + this.#rules.cooldownRows;
    return this.#end();
  }

  /** Starts anew, as with another reference: an episode ends, and there is no cool-down. */
  reset(): Transition | undefined {
    this.#quiet = 0;
    this.#loud = false;
    this.#cooldownUntil = 0;
    return this.#state === 'drift' ? this.#end() : this.#moveTo('ok');
  }

  #begin(position: Position): Transition {
    this.#alarms++;
    this.#episode = {
      id: `drift-${position.epochMs.toString(36)}-${this.#alarms}`,
      startedAtRow: position.rowsSeen,
      startedAtMs: position.epochMs,
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

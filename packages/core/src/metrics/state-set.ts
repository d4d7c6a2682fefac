import { FairleadError } from '../errors';
import { type ByteWriter, lineFeed, pieceOf } from './byte-writer';
import {
  type Bindable,
  type DropReason,
  Family,
  type FamilyContext,
  type FamilyDefinition,
  type LoadableSeries,
} from './family';
import type { SeriesValues } from './snapshot';
import { escapeText, sampleStart, withLabel } from './text';

/** One series of a state set. */
export interface StateSetHandle<State extends string> {
  /** @throws FairleadError `INVALID_ARGUMENT` when the family has no such state */
  set(state: State): void;
  /** The present state; the first one to begin with. */
  readonly state: State;
}

/**
 * A family of states of which exactly one holds, such as `ok`, `warning` and `drift`. Written as one sample a state,
 * under a label that is called like the family: 1 for the present state, 0 for the others.
 */
export interface StateSet<State extends string, L extends string = never> extends Bindable<StateSetHandle<State>, L> {
  readonly type: 'stateset';
  readonly states: readonly State[];
}

export class StateSetSeries<State extends string> implements StateSetHandle<State>, LoadableSeries {
  readonly #name: string;
  readonly #states: readonly State[];
  readonly #starts: readonly Uint8Array[];
  readonly #drop: (reason: DropReason) => void;
  readonly #detached: boolean;
  #present: number;

  /** @param detached whether the series is past the cap, so that every write is dropped */
  constructor(
    name: string,
    block: string,
    states: readonly State[],
    drop: (reason: DropReason) => void,
    detached: boolean,
  ) {
    this.#name = name;
    this.#states = states;
    this.#starts = states.map((state) => pieceOf(sampleStart(name, withLabel(block, name, escapeText(state)))));
    this.#drop = drop;
    this.#detached = detached;
    this.#present = 0;
  }

  set(state: State): void {
    const index = this.#states.indexOf(state);
    if (index < 0) {
      const expected = `one of ${this.#states.join(', ')}`;
      const given = String(state);
      throw new FairleadError('INVALID_ARGUMENT', `${this.#name}: expected ${expected}, given ${given}.`, {
        details: { field: 'state', expected, given },
      });
    }
    if (this.#detached) this.#drop('series_limit');
    else this.#present = index;
  }

  get state(): State {
    return this.#states[this.#present] as State;
  }

  write(out: ByteWriter): void {
    for (let index = 0; index < this.#starts.length; index++) {
      out.piece(this.#starts[index] as Uint8Array);
      out.number(index === this.#present ? 1 : 0);
      out.piece(lineFeed);
    }
  }

  values(): SeriesValues {
    return { state: this.state };
  }

  load({ state }: SeriesValues): void {
    this.#present = Math.max(0, (this.#states as readonly (string | undefined)[]).indexOf(state));
  }
}

/** A state set as its registry makes it. */
export class StateSetFamily<State extends string, L extends string>
  extends Family<StateSetSeries<State>, L>
  implements StateSet<State, L>
{
  declare readonly type: 'stateset';
  override readonly states: readonly State[];

  constructor(definition: FamilyDefinition, { drop }: FamilyContext, states: readonly State[]) {
    const { name } = definition;
    const create = (block: string) => new StateSetSeries(name, block, states, drop, false);
    super(definition, create, { detached: new StateSetSeries(name, '', states, drop, true) });
    this.states = states;
  }
}

import { type ByteWriter, pieceOf } from './byte-writer';
import { type Bindable, Family, type FamilyContext, type FamilyDefinition, type LoadableSeries } from './family';
import type { SeriesValues } from './snapshot';
import { sampleStart } from './text';

/** One series of an info family: it says what it says by being there. */
export interface InfoHandle {
  /** Always 1. */
  readonly value: 1;
}

/** A family of facts told by labels, such as a version. Written as `<name>_info`; `remove` ends a fact. */
export interface Info<L extends string = never> extends Bindable<InfoHandle, L> {
  readonly type: 'info';
}

export class InfoSeries implements InfoHandle, LoadableSeries {
  readonly value = 1;
  readonly #line: Uint8Array;

  constructor(name: string, block: string) {
    this.#line = pieceOf(`${sampleStart(`${name}_info`, block)}1\n`);
  }

  write(out: ByteWriter): void {
    out.piece(this.#line);
  }

  values(): SeriesValues {
    return {};
  }

  load(): void {
    // A fact has no value beside its labels.
  }
}

/** An info family as its registry makes it. */
export class InfoFamily<L extends string> extends Family<InfoSeries, L> implements Info<L> {
  declare readonly type: 'info';

  constructor(definition: FamilyDefinition, { drop }: FamilyContext) {
    const create = (block: string) => new InfoSeries(definition.name, block);
    // To bind is all that can be written to a fact, so a binding past the cap is the value that is dropped.
    super(definition, create, { onBind: () => drop('series_limit'), detached: new InfoSeries(definition.name, '') });
  }
}

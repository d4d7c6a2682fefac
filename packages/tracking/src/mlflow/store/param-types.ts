import type { ParamValue } from '../../store/stored-run';
import { ownKinds, parsedTags } from './own-tags';

/* MLflow's parameters are text. Which of them are numbers or booleans stands in tags, so that they come back as such. */

/** Characters of such a tag, at most. */
const mostOfTag = 5000;

/** A parameter as MLflow keeps it. */
export function paramText(value: ParamValue): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

type Typed = 'number' | 'boolean';

/** Notes which parameters of one writer are no text. */
export class ParamTypes {
  readonly #start: string;
  readonly #tags: { readonly names: Record<Typed, string[]>; length: number }[] = [];
  readonly #tagOf = new Map<string, number>();

  /** @param writer a name that no other writer of the run has */
  constructor(writer: string) {
    this.#start = `${ownKinds.types}${writer}.`;
  }

  /** The tags that say what these are; they go with the parameters. */
  add(params: Readonly<Record<string, ParamValue>>): Readonly<Record<string, string>> {
    const changed = new Set<number>();
    for (const [key, value] of Object.entries(params)) {
      if (typeof value !== 'string') changed.add(this.#tagOf.get(key) ?? this.#place(key, typeof value as Typed));
    }
    return Object.fromEntries(
      [...changed].map((index) => [`${this.#start}${index}`, JSON.stringify(this.#tags[index]?.names)]),
    );
  }

  /** Finds room for a name. */
  #place(key: string, type: Typed): number {
    const length = JSON.stringify(key).length + 1;
    let last = this.#tags.at(-1);
    if (last === undefined || last.length + length > mostOfTag) {
      last = { names: { number: [], boolean: [] }, length: 30 };
      this.#tags.push(last);
    }
    last.names[type].push(key);
    last.length += length;
    this.#tagOf.set(key, this.#tags.length - 1);
    return this.#tags.length - 1;
  }
}

/** The parameters of a run. A text that is not how we write a number or boolean is what it is, whatever a tag says. */
export function readParams(
  params: Readonly<Record<string, string>>,
  tags: Readonly<Record<string, string>>,
): Readonly<Record<string, ParamValue>> {
  const types = new Map<string, Typed>();
  for (const { value } of parsedTags(tags, ownKinds.types)) {
    for (const type of ['number', 'boolean'] as const) {
      const names = value[type];
      if (Array.isArray(names)) for (const name of names) types.set(String(name), type);
    }
  }
  return Object.fromEntries(
    Object.entries(params).map(([key, text]): [string, ParamValue] => {
      const type = types.get(key);
      if (type === 'number' && paramText(Number(text)) === text) return [key, Number(text)];
      if (type === 'boolean' && (text === 'true' || text === 'false')) return [key, text === 'true'];
      return [key, text];
    }),
  );
}

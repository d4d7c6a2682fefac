import { FairleadError, sha256Hex } from '@fairlead/core';
import { redactRecord } from '../secrets';
import { createSerial } from '../serial';
import type { ParamValue } from '../store/stored-run';
import { checkParams } from './values';

/** The longest text that a parameter holds itself, in characters; it is MLflow's limit, where longer ones are cut. */
const maxParamLength = 6000;
const pointerStart = 'artifact:params/';

/** What a {@link ParamLog} stands on. */
export interface ParamLogOptions {
  /** What the run has already. */
  readonly known: Readonly<Record<string, ParamValue>>;
  /** Records parameters. */
  readonly write: (params: Readonly<Record<string, ParamValue>>) => void;
  /** Keeps a text as an artifact of the run. */
  readonly keepText: (name: string, text: string) => Promise<unknown>;
  /** Told the name of a parameter whose value is a secret, and was not kept. */
  readonly onRedact: (name: string) => void;
}

function conflict(key: string, known: unknown, given: unknown): FairleadError {
  const shown = (value: unknown): string => {
    const text = JSON.stringify(value);
    return text.length > 200 ? `${text.slice(0, 200)}… (${text.length} characters)` : text;
  };
  return new FairleadError(
    'CONFLICT',
    `The parameter "${key}" is ${shown(known)} already, and a parameter is written once. Use a tag for what changes.`,
    { details: { field: `params.${key}`, expected: shown(known), given: shown(given) } },
  );
}

/**
 * The parameters of a run: each is written once. A text that is too long for a parameter becomes an artifact, and the
 * parameter says where it lies and its SHA-256; nothing is ever cut.
 */
export class ParamLog {
  readonly #options: ParamLogOptions;
  readonly #known: Map<string, ParamValue>;
  /** Long texts by name, as they were given. */
  readonly #texts = new Map<string, string>();
  /** Those among them that are not yet artifacts. */
  readonly #waiting = new Set<string>();
  /** What `settle` has not said yet. */
  readonly #conflicts: FairleadError[] = [];
  readonly #serial = createSerial();

  constructor(options: ParamLogOptions) {
    this.#options = options;
    this.#known = new Map(Object.entries(options.known));
  }

  /**
   * Records parameters, all of them or none.
   * @returns whether long texts wait, for which `keep` must be called
   * @throws FairleadError `INVALID_ARGUMENT`, `CONFLICT`
   */
  log(params: Readonly<Record<string, ParamValue>>): boolean {
    checkParams(params);
    const redacted: string[] = [];
    const entries = Object.entries(redactRecord(params, (name) => redacted.push(name)));
    const isLong = (value: ParamValue): value is string => typeof value === 'string' && value.length > maxParamLength;
    const isFresh = ([key, value]: readonly [string, ParamValue]): boolean => {
      const known = this.#texts.get(key) ?? this.#known.get(key);
      if (known === undefined) return true;
      if (Object.is(known, value)) return false;
      // Of a run that was resumed only the digest of a long text is known; whether it is the same, `keep` finds out.
      if (isLong(value) && !this.#texts.has(key) && String(known).startsWith(pointerStart)) return true;
      throw conflict(key, known, value);
    };
    const fresh = entries.filter(isFresh);
    const short: [string, ParamValue][] = [];
    for (const [key, value] of fresh) {
      if (isLong(value)) {
        this.#texts.set(key, value);
        this.#waiting.add(key);
      } else {
        this.#known.set(key, value);
        short.push([key, value]);
      }
    }
    for (const name of redacted) this.#options.onRedact(name);
    if (short.length > 0) this.#options.write(Object.fromEntries(short));
    return this.#waiting.size > 0;
  }

  /**
   * Makes artifacts of the long texts that wait. What fails is tried again by the next call.
   * @throws FairleadError as keeping an artifact does
   */
  async keep(): Promise<void> {
    if (this.#waiting.size > 0) await this.#serial(() => this.#keepAll());
  }

  /**
   * The same, for whoever wants to know that all is well.
   * @throws FairleadError as {@link keep}; `CONFLICT` where a resumed run has another text, said once
   */
  async settle(): Promise<void> {
    await this.keep();
    const found = this.#conflicts.shift();
    if (found !== undefined) throw found;
  }

  async #keepAll(): Promise<void> {
    for (const key of [...this.#waiting]) {
      const text = this.#texts.get(key) as string;
      const name = `params/${key.replaceAll(':', '_')}.txt`;
      const pointer = `artifact:${name}#sha256:${await sha256Hex(new TextEncoder().encode(text))}`;
      const known = this.#known.get(key);
      if (known === undefined) {
        await this.#options.keepText(name, text);
        this.#known.set(key, pointer);
        this.#options.write({ [key]: pointer });
      } else if (known !== pointer) {
        this.#texts.delete(key);
        this.#conflicts.push(conflict(key, known, pointer));
      }
      this.#waiting.delete(key);
    }
  }
}

import { syntaxError } from './filter-error';

/** A piece of a filter. */
export interface Token {
  /** `word`: a name or keyword; `string`: in quotes, which `value` no longer has; `backtick`: the same in backticks. */
  readonly kind: 'word' | 'string' | 'backtick' | 'number' | 'operator' | 'punctuation' | 'end';
  /** As it stands in the text. */
  readonly text: string;
  /** What it says: the inside of quotes, a word or a sign as it is. */
  readonly value: string;
  /** UTF-16 units from the start of the text. */
  readonly start: number;
  /** Where the next character stands. */
  readonly end: number;
}

/** Longest text that is parsed, in UTF-16 units: room for two thousand run ids. */
export const maxFilterLength = 100_000;

// All of them stick to one place and read it once: no expression goes back over what it has read.
const space = /[\s\uFEFF]+/y;
const number = /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const signedWord = /[+-]?(?:infinity|nan)(?![\p{L}\p{N}_])/iuy;
const word = /[\p{L}\p{N}_]+/uy;
/** Names of metrics and the like go on over what numbers and words would end at: `val/loss`, `top-5`, `lr:head`. */
const bareKey = /[\p{L}\p{N}_][\p{L}\p{N}\p{M}_./:-]*/uy;
const operator = /!=|<=|>=|<>|==|=|<|>/y;

const namesOfQuotes: Readonly<Record<string, Token['kind']>> = { "'": 'string', '"': 'string', '`': 'backtick' };

function matchAt(pattern: RegExp, text: string, position: number): string | undefined {
  pattern.lastIndex = position;
  return pattern.exec(text)?.[0];
}

/** Reads a text token by token. What is read as a key and what as a value only the parser knows. */
export class Lexer {
  readonly field: string;
  readonly text: string;
  #position = 0;

  /** @throws FairleadError `LIMIT_EXCEEDED` */
  constructor(field: string, text: string) {
    this.field = field;
    this.text = text;
  }

  /** Where the next token begins. */
  get position(): number {
    this.#position += matchAt(space, this.text, this.#position)?.length ?? 0;
    return this.#position;
  }

  /** Goes back to a token that was read. */
  rewind(token: Token): void {
    this.#position = token.start;
  }

  /** The next token. @throws FairleadError `INVALID_ARGUMENT` for a quote without its end, or a character that nothing begins with */
  next(): Token {
    const start = this.position;
    const first = this.text[start];
    if (first === undefined) return { kind: 'end', text: '', value: '', start, end: start };
    const quote = namesOfQuotes[first];
    if (quote !== undefined) return this.#quoted(quote, first, start);
    if (first === '(' || first === ')' || first === ',' || first === '.') {
      // A number may begin with its point.
      const fraction = matchAt(number, this.text, start);
      return fraction === undefined ? this.#token('punctuation', first, start) : this.#token('number', fraction, start);
    }
    const numeral = matchAt(signedWord, this.text, start) ?? matchAt(number, this.text, start);
    if (numeral !== undefined) return this.#token('number', numeral, start);
    const name = matchAt(word, this.text, start);
    if (name !== undefined) return this.#token('word', name, start);
    const sign = matchAt(operator, this.text, start);
    if (sign !== undefined) return this.#token('operator', sign, start);
    const character = String.fromCodePoint(this.text.codePointAt(start) as number);
    throw syntaxError(this.field, this.text, start, 'a name, a value or an operator', JSON.stringify(character));
  }

  /** The key behind the dot of a field, bare or in quotes of any kind. `undefined` where there is none. */
  key(): Token | undefined {
    const start = this.#position;
    const quote = namesOfQuotes[this.text[start] ?? ''];
    if (quote !== undefined) return this.#quoted(quote, this.text[start] as string, start);
    const key = matchAt(bareKey, this.text, start);
    return key === undefined ? undefined : this.#token('word', key, start);
  }

  #token(kind: Token['kind'], text: string, start: number): Token {
    this.#position = start + text.length;
    return { kind, text, value: text, start, end: this.#position };
  }

  /** A quote inside quotes of its kind is written twice, as in SQL; a backslash means nothing. */
  #quoted(kind: Token['kind'], quote: string, start: number): Token {
    let value = '';
    for (let from = start + 1; ; ) {
      const at = this.text.indexOf(quote, from);
      if (at < 0) throw syntaxError(this.field, this.text, start, `a closing ${quote}`, 'a quote without its end');
      value += this.text.slice(from, at);
      if (this.text[at + 1] !== quote) {
        this.#position = at + 1;
        return { kind, text: this.text.slice(start, at + 1), value, start, end: at + 1 };
      }
      value += quote;
      from = at + 2;
    }
  }
}

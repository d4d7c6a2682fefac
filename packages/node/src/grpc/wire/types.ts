import type { WireReader } from './reader';
import type { WireWriter } from './writer';

/** How a field is read and written. */
export interface FieldType<T> {
  /** Its number. */
  readonly id: number;
  /** How the `.proto` file spells it: `repeated int64`. */
  readonly declared: string;
  /** The wire types that it may have. */
  readonly wireTypes: readonly number[];
  /** What it is when it is not there. */
  initial(): T;
  /** Reads one occurrence behind its tag; `known` is what came before. */
  read(reader: WireReader, wireType: number, known: unknown): unknown;
  /** Makes the value out of what `read` left, where that is something else. */
  finish?(known: unknown): T;
  /** Writes it with its tag, or nothing where it is what the format takes for nothing. */
  write(writer: WireWriter, value: unknown): void;
}

/** The fields of a message by their names. */
export type Fields = Readonly<Record<string, FieldType<unknown>>>;

/** What a message of those fields looks like. */
export type ValueOf<F extends Fields> = { readonly [Name in keyof F]: F[Name] extends FieldType<infer T> ? T : never };

/** A message as it is given to be written, inner ones too: what is left out is what the format takes for nothing. */
export type GivenOf<T> = T extends string | number | boolean | undefined | ArrayBufferView
  ? T
  : T extends ReadonlyMap<string, infer V>
    ? ReadonlyMap<string, GivenOf<V>>
    : T extends readonly (infer V)[]
      ? readonly GivenOf<V>[]
      : { readonly [Name in keyof T]?: GivenOf<T[Name]> | undefined };

/** A type of message: what a `.proto` file declares, as something that reads and writes. */
export interface MessageType<T> {
  /** Package and name. */
  readonly name: string;
  /** Its fields, by which tests compare it with its `.proto` file. */
  readonly fields: Fields;
  /**
   * Reads a message; bytes in it are views of `bytes`.
   * @param maxElements elements that one repeated field of numbers, strings or bytes may have
   * @throws FairleadError `PROTOCOL_ERROR`, `LIMIT_EXCEEDED`
   */
  decode(bytes: Uint8Array, maxElements: number): T;
  encode(value: GivenOf<T>): Buffer;
  /** Reads up to where the reader's present message ends. */
  read(reader: WireReader): T;
  write(writer: WireWriter, value: GivenOf<T>): void;
}

/** The message that a type reads. */
export type MessageOf<M> = M extends MessageType<infer T> ? T : never;

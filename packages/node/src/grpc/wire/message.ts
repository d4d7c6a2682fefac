import type { FieldType } from './fields';
import { WireReader } from './reader';
import { malformed } from './wire-error';
import { WireWriter } from './writer';

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

/** Declares a type of message. */
export function message<const F extends Fields>(name: string, fields: F): MessageType<ValueOf<F>> {
  type Value = ValueOf<F>;
  const entries = Object.entries(fields);
  const byId: (readonly [string, FieldType<unknown>] | undefined)[] = [];
  for (const entry of entries) byId[entry[1].id] = entry;
  const finishing = entries.filter(([, field]) => field.finish !== undefined);

  const read = (reader: WireReader): Value => {
    const value: Record<string, unknown> = {};
    for (const [key, field] of entries) value[key] = field.initial();
    while (!reader.isDone) {
      const tag = reader.tag();
      const entry = byId[tag >>> 3];
      if (entry === undefined) reader.skip(tag & 7);
      else if (!entry[1].wireTypes.includes(tag & 7)) throw malformed(`${name}.${entry[0]} is of wire type ${tag & 7}`);
      else value[entry[0]] = entry[1].read(reader, tag & 7, value[entry[0]]);
    }
    for (const [key, field] of finishing) value[key] = field.finish?.(value[key]);
    return value as Value;
  };

  const write = (writer: WireWriter, value: GivenOf<Value>): void => {
    for (const [key, field] of entries) {
      const given = (value as Readonly<Record<string, unknown>>)[key];
      if (given !== undefined) field.write(writer, given);
    }
  };

  return {
    name,
    fields,
    decode: (bytes, maxElements) => read(new WireReader(bytes, maxElements)),
    encode(value) {
      const writer = new WireWriter();
      write(writer, value);
      return writer.join();
    },
    read,
    write,
  };
}

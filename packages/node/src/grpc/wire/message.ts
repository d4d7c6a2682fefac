import { WireReader } from './reader';
import type { Fields, FieldType, GivenOf, MessageType, ValueOf } from './types';
import { malformed } from './wire-error';
import { WireWriter } from './writer';

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

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayNamePriority } from './names-priority';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('mayNamePriority', () => {
  it('finds the name wherever it stands', () => {
    expect(mayNamePriority(bytes('{"parameters":{"priority":1},"inputs":[]}'))).toBe(true);
    expect(mayNamePriority(bytes('{"inputs":[],"parameters": {"timeout":5, "priority" :1}}'))).toBe(true);
    expect(mayNamePriority(bytes('priority'))).toBe(true);
  });

  it('does not find it where it is not', () => {
    for (const text of [
      '',
      '{}',
      'p',
      'priorit',
      '{"inputs":[{"name":"pprior","data":[1,2]}],"parameters":{"timeout":5}}',
    ])
      expect(mayNamePriority(bytes(text))).toBe(false);
  });

  it('never says no of a message that has one, however it is written', () => {
    const escaped = fc
      .array(fc.boolean(), { minLength: 8, maxLength: 8 })
      .map((escapes) =>
        [...'priority']
          .map((letter, index) =>
            escapes[index] ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}` : letter,
          )
          .join(''),
      );
    fc.assert(
      fc.property(escaped, fc.jsonValue(), fc.jsonValue(), (name, before, after) => {
        const text = `{"a":${JSON.stringify(before)},"parameters":{"${name}":1},"b":${JSON.stringify(after)}}`;
        expect(JSON.parse(text).parameters.priority).toBe(1);
        expect(mayNamePriority(bytes(text))).toBe(true);
      }),
    );
  });
});

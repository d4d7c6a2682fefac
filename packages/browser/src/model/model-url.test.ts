import { describe, expect, it } from 'vitest';
import { parseModelUrl, siblingUrl } from './model-url';

describe('parseModelUrl', () => {
  it('resolves against the page, and shows no secrets', () => {
    expect(parseModelUrl('models/digits.onnx?token=secret#x', 'https://example.com/app/index.html')).toEqual({
      href: 'https://example.com/app/models/digits.onnx?token=secret#x',
      shown: 'https://example.com/app/models/digits.onnx',
      name: 'digits',
    });
    expect(parseModelUrl('https://user:pass@example.com/a%20b.onnx', undefined)).toMatchObject({
      shown: 'https://example.com/a%20b.onnx',
      name: 'a b',
    });
  });

  it.each([
    ['data:application/octet-stream;base64,CAo=', 'model'],
    ['blob:https://example.com/6f1e', 'model'],
    ['https://example.com/', 'model'],
    ['https://example.com/%E0%A4%A.onnx', '%E0%A4%A'],
    ['https://example.com/digits.v2.onnx', 'digits.v2'],
    ['https://example.com/digits.v2', 'digits.v2'],
  ])('names %s', (reference, name) => expect(parseModelUrl(reference, undefined).name).toBe(name));

  it.each([
    ['./digits.onnx', undefined, 'absolute URL'],
    ['https://', 'https://example.com/', 'no URL'],
    ['file:///models/digits.onnx', undefined, 'Serve the file over HTTP'],
    ['C:\\models\\digits.onnx', 'https://example.com/', 'Serve the file over HTTP'],
  ])('refuses %s and says what to do', (reference, base, advice) => {
    expect(() => parseModelUrl(reference, base)).toThrow(
      expect.objectContaining({ code: 'MODEL_NOT_FOUND', message: expect.stringContaining(advice) }),
    );
  });
});

describe('siblingUrl', () => {
  const sibling = (reference: string): string | undefined => siblingUrl(parseModelUrl(reference, undefined), '.md');
  it('puts another ending in place of .onnx and keeps the query', () => {
    expect(sibling('https://example.com/m/digits.onnx?sig=1')).toBe('https://example.com/m/digits.md?sig=1');
    expect(sibling('https://example.com/v1.2/digits')).toBe('https://example.com/v1.2/digits.md');
    expect(sibling('https://example.com/digits.v2')).toBe('https://example.com/digits.v2.md');
  });
  it('knows none for data and blob URLs', () => {
    expect(sibling('data:,x')).toBeUndefined();
    expect(sibling('blob:https://example.com/6f1e')).toBeUndefined();
  });
});

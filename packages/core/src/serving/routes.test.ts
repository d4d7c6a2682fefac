import { describe, expect, it } from 'vitest';
import { createRouteTable, type Route } from './routes';

const route: Route = {
  protocol: 'test',
  use: { operation: 'infer' },
  handler: () => ({ status: 200, headers: {}, body: '' }),
};

describe('a table of routes', () => {
  const table = createRouteTable();
  table.add('POST', '/models/:model/infer', route);
  table.add('GET', '/models/:model', route);

  it('knows a path that was asked for before, by its method', () => {
    const first = table.match('POST', '/models/a%2Fb/infer');
    expect(first?.parameters).toEqual({ model: 'a/b' });
    expect(table.match('POST', '/models/a%2Fb/infer')).toBe(first);
    expect(table.match('GET', '/models/a%2Fb/infer')).toBeUndefined();
    expect(table.match('GET', '/models/a%2Fb')?.parameters).toEqual({ model: 'a/b' });
    expect(Object.isFrozen(first?.parameters)).toBe(true);
  });

  it('remembers some, and not what nobody could send twice', () => {
    const first = table.match('GET', '/models/first');
    for (let index = 0; index < 300; index++) table.match('GET', `/models/${index}`);
    const again = table.match('GET', '/models/first');
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
    const long = `/models/${'x'.repeat(300)}`;
    expect(table.match('GET', long)).not.toBe(table.match('GET', long));
    for (const _ of [1, 2]) {
      expect(table.match('GET', '/nothing')).toBeUndefined();
      expect(() => table.match('GET', '/models/%')).toThrow(/percent sign/);
    }
  });
});

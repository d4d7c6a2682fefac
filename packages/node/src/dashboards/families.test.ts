import { createRegistry } from '@fairlead/core/metrics';
import { describe, expect, it } from 'vitest';
import { readFamilies } from './families';
import { instrumentedRegistry } from './instrumented.fixture';
import { hasKnown, knownNames } from './known-families';

const good = { name: 'a', type: 'gauge', help: 'A.', unit: '', labels: [] };

describe('readFamilies', () => {
  it('reads a registry, and what its description is after a journey as JSON', async () => {
    const registry = await instrumentedRegistry();
    const read = readFamilies(registry, 'test').all;
    expect(read.length).toBeGreaterThan(50);
    expect(readFamilies(JSON.parse(JSON.stringify(registry.describe())), 'test').all).toEqual(read);
  });

  it('runs no collect callback', () => {
    const registry = createRegistry();
    registry.onCollect(() => {
      throw new Error('nobody asked for values');
    });
    expect(readFamilies(registry, 'test').all.map(({ name }) => name)).toContain('fairlead_metrics_dropped');
  });

  it.each([
    [[], 'families', 'at least one family; register the metrics first, for example by instrumentRunner'],
    [undefined, 'families', 'an array'],
    [[{ ...good, name: 'not a name' }], 'families.0.name', 'the name of a Prometheus metric'],
    [[good, { ...good, name: 'b', type: 'meter' }], 'families.1.type', expect.stringContaining('one of "counter"')],
    [[{ ...good, labels: ['a-b'] }], 'families.0.labels.0', 'the name of a Prometheus label'],
    [[{ ...good, states: 'ok' }], 'families.0.states', 'an array'],
    [[{ ...good, type: 'stateset' }], 'families', 'the states of each state set'],
  ])('refuses %j', (families, field, expected) => {
    expect(() => readFamilies(families as never, 'test')).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field, expected }) }),
    );
  });

  it('refuses two families of one name', () => {
    expect(() => readFamilies([good, good] as never, 'alertRules')).toThrow(
      expect.objectContaining({
        code: 'ALREADY_EXISTS',
        message: 'alertRules: two families are called "a". Give the families of one registry, each once.',
      }),
    );
  });
});

describe('the table of known families', () => {
  it('has every family of the instruments, by its type, with and without a prefix', async () => {
    for (const prefix of ['', 'shop_']) {
      const families = readFamilies(await instrumentedRegistry({ prefix }), 'test');
      for (const { name } of families.all) {
        const known = knownNames.find((each) => each === name.replace(/^shop_/, ''));
        expect(known !== undefined && hasKnown(families, known), name).toBe(true);
      }
    }
  });

  it('names no family that nobody registers', async () => {
    const families = readFamilies(await instrumentedRegistry(), 'test');
    expect(knownNames.filter((name) => !hasKnown(families, name))).toEqual([]);
  });
});

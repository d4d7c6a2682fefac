import { describe, expect, test } from 'vitest';
import type { Backend, Threading } from '../backend';
import { backendConformance } from './backend-conformance';
import { createMockBackend, type MockBackendOptions } from './mock-backend';
import { doubled, inputOf, rowsOf } from './test-kit.fixture';

/* The suite itself runs against real backends; here, what it says of backends that break a rule. */

describe('the case of threads', () => {
  const golden = {
    inputs: inputOf(1, 2),
    outputs: { y: rowsOf(doubled(1), doubled(2)) },
  };

  async function runCase(createBackend: () => Backend): Promise<void> {
    const cases = backendConformance({ createBackend, reference: '1', missingReference: 'none', golden });
    const threads = cases.filter(({ name }) => name.includes('thread'));
    expect(threads).toHaveLength(1);
    await threads[0]?.run();
  }

  const mock = (threading?: MockBackendOptions['threading']): Backend =>
    createMockBackend(threading === undefined ? {} : { threading });

  test('holds for a backend whose threads can be chosen, are fixed, or are unknown', async () => {
    await runCase(() => mock({ cores: 8 }));
    await runCase(() => mock({ cores: 8, threads: 4 }));
    await runCase(() => mock());
  });

  const lying = (lie: Partial<Threading>) => (): Backend => {
    const backend = mock({ cores: 8 });
    return { ...backend, threading: { ...(backend.threading as Threading), ...lie } };
  };

  test.each([
    ['no cores', lying({ cores: 0 }), 'threading.cores is a whole number, 1 or more, not 0'],
    ['half a core', lying({ cores: 1.5 }), 'threading.cores is a whole number, 1 or more, not 1.5'],
    ['no threads', lying({ threads: 0 }), 'threading.threads is a whole number, 1 or more, not 0'],
    ['another backend', lying({ withThreads: () => createMockBackend({ name: 'other' }) }), 'keeps its name'],
    ['threads of its own choice', lying({ withThreads: () => mock({ cores: 8 }) }), 'one thread was asked for, not 8'],
    [
      'a choice that is its last',
      lying({ withThreads: (threads) => mock({ cores: 8, threads }) }),
      'threads can be chosen again',
    ],
    [
      'other values with one thread',
      lying({
        withThreads: (threads) => {
          const wrong = createMockBackend({ threading: { cores: 8 }, compute: () => ({ y: rowsOf([0, 0], [0, 0]) }) });
          return wrong.threading?.withThreads?.(threads) as Backend;
        },
      }),
      '"y"[0] is 2',
    ],
  ])('refuses %s', async (_what, createBackend, message) => {
    await expect(runCase(createBackend)).rejects.toThrow(message);
  });
});

import { useModel } from '@fairlead/browser/react';
import { createModelStore } from '@fairlead/browser/store';
import { createMockBackend } from '@fairlead/core/testing';
import { createElement, type ReactNode } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, test } from 'vitest';

const backend = createMockBackend();
let resolved = 0;
const model = {
  async resolve() {
    resolved++;
    return expect.fail('a server loads no model');
  },
};

function Shared({ store }: { store: ReturnType<typeof createModelStore> }): ReactNode {
  return useModel(store).status;
}

function Own(): ReactNode {
  const { status, model: answering, fallbacks, run } = useModel(() => ({ model, backend }), []);
  return `${status} ${answering} ${fallbacks.length} ${typeof run}`;
}

test('a server renders the idle state and loads nothing', async () => {
  const store = createModelStore({ model, backend });
  expect(renderToString(createElement(Shared, { store }))).toBe('idle');
  expect(renderToString(createElement(Own))).toBe('idle undefined 0 function');
  // A store that is in use on the server, by other code, is idle all the same in what a page takes over.
  await store.load().catch(() => undefined);
  expect(store.getSnapshot().status).toBe('failed');
  expect(renderToString(createElement(Shared, { store }))).toBe('idle');
  expect(resolved).toBe(1);
  await store.close();
});

test('options that cannot be right fail the render', () => {
  const Wrong = (): ReactNode => useModel(() => ({ model, backend, overlap: 'first' as never }), []).status;
  expect(() => renderToString(createElement(Wrong))).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
});

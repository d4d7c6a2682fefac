import { mockModel } from '@fairlead/core/testing';
import { expect, test } from 'vitest';
import { nodeLaneHost } from './node-lane-host';

test('says what to do when the worker script is not where it belongs, as in a bundle', async () => {
  // Beside this source file there is none: it exists in the build only.
  const opening = nodeLaneHost.openLane({ moduleUrl: 'file:///x.js', options: {} }, mockModel(), {});
  await expect(opening).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringMatching(/lane-worker\.js is missing.*keep @fairlead\/node out of the bundle/),
  });
});

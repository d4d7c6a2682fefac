import { it } from 'vitest';
import { findBrowser, noBrowser } from './find-browser';
import { runGuide } from './run-guide';

const executablePath = findBrowser();

it('the snippets of the guide to the model cache run in a browser', { timeout: 60_000 }, async ({ skip }) => {
  if (executablePath === undefined) {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
    return;
  }
  await runGuide(executablePath, {
    file: 'docs/browser/model-cache.md',
    said: [/^\d$/, /^digits-v2 true true$/, /^int8 the best of 3 on wasm$/],
    // The examples have no int8 variant; any model will do to be fetched in its place.
    edit: (snippet) => snippet.replace(/'digits-v2\.int8\.onnx', bytes: \S+/, "'digits-v1.onnx'"),
  });
});

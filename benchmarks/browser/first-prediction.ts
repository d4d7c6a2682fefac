import { createHash } from 'node:crypto';
import { type Comparison, compare } from '../lib/compare';
import { mlp } from '../lib/onnx/model';
import { encodeMessage } from '../lib/onnx/protobuf';
import type { Result, SuiteContext } from '../lib/suite';
import type { OpenedBrowser, Tab } from './open-browser';
import type { Visit, VisitedModel } from './page/visits';

const layers = [784, 1024, 1024, 10] as const;
/** A good mobile line. */
const slowBytesPerSecond = 4e6;
/** ModelProto.doc_string. */
const docString = 6;

/** What is held against what. */
const pairs = [
  // What each does when it is told nothing else.
  { label: 'the runner as it comes, of plain fetch inline', runner: { lanes: 1, warmUp: true }, plain: 'bare inline' },
  // A bare session is not warmed up either.
  { label: 'without warm-up, of plain fetch inline', runner: { lanes: 1, warmUp: false }, plain: 'bare inline' },
  {
    label: 'without warm-up, of plain fetch and a worker written by hand',
    runner: { lanes: 1, warmUp: false },
    plain: 'bare worker',
  },
  {
    label: 'inline without warm-up, of plain fetch inline',
    runner: { lanes: 'inline', warmUp: false },
    plain: 'bare inline',
  },
] as const;

/** Visits a page that was just opened. */
type Visitor = (model: VisitedModel) => Promise<Visit>;

/**
 * The time from the first line of a page's own code to its first prediction: by `cachedModel` and the runner, and by
 * fetch, Cache API and a bare session. Every visit is a page of its own. A first visit has a model of its own, so that no
 * cache knows it; a second visit has one that an earlier visit left, and must not ask the server for it.
 */
export async function measureFirstPrediction(
  { rounds, note }: SuiteContext,
  browser: OpenedBrowser,
): Promise<Result[]> {
  const { site } = browser;
  const newModel = modelMaker(browser);
  const first = (visit: Visitor) => async () => {
    const model = newModel();
    const { firstAnswerMs } = await visit(model);
    site.models.delete(nameOf(model));
    return firstAnswerMs;
  };
  const second = async (visit: Visitor) => {
    const model = newModel();
    await visit(model);
    return async () => {
      const askedBefore = site.asked.length;
      const { firstAnswerMs } = await visit(model);
      if (site.asked.length > askedBefore) throw new Error(`A second visit asked the server for ${nameOf(model)}.`);
      return firstAnswerMs;
    };
  };
  const size = `${(mlp(layers).length / 1e6).toFixed(1)} MB`;
  const results: Result[] = [];
  for (const { label, runner, plain } of pairs) {
    const byRunner = inNewTab(browser, (tab, model) => tab.call('visitByRunner', model, runner));
    const byPlainFetch = inNewTab(browser, (tab, model) => tab.call('visitByCacheApi', model, plain));
    for (const bytesPerSecond of runner.warmUp ? [undefined, slowBytesPerSecond] : []) {
      const line = bytesPerSecond === undefined ? 'the loopback' : `${bytesPerSecond / 1e6} MB/s`;
      note(`first visit over ${line}: ${label}`);
      site.bytesPerSecond = bytesPerSecond;
      const comparison = await compare(first(byRunner), first(byPlainFetch), { rounds, warmUpRounds: 1 });
      results.push(...resultsOf(`first visit, ${size} over ${line}: ${label}`, comparison));
    }
    site.bytesPerSecond = undefined;
    note(`second visit: ${label}`);
    const comparison = await compare(await second(byRunner), await second(byPlainFetch), { rounds });
    results.push(...resultsOf(`second visit, ${size}: ${label}`, comparison));
  }
  return results;
}

/** Serves the same network again and again, each time as a file of its own. */
function modelMaker({ site }: OpenedBrowser): () => VisitedModel {
  const network = mlp(layers);
  let made = 0;
  return () => {
    const name = `visited-${made}.onnx`;
    const bytes = Buffer.concat([network, encodeMessage([[docString, `copy ${made}`]])]);
    made++;
    site.models.set(name, bytes);
    const digest = createHash('sha256').update(bytes).digest('hex');
    return { url: `/models/${name}`, shape: [layers[0]], digest };
  };
}

function nameOf({ url }: VisitedModel): string {
  return url.slice('/models/'.length);
}

function inNewTab(browser: OpenedBrowser, visit: (tab: Tab, model: VisitedModel) => Promise<Visit>): Visitor {
  let expected: string | undefined;
  return async (model) => {
    const tab = await browser.openTab();
    try {
      const made = await visit(tab, model);
      const outputs = made.outputs.map((value) => value.toFixed(4)).join();
      expected ??= outputs;
      if (outputs !== expected)
        throw new Error(`${model.url} answered ${outputs}, where it answered ${expected} before.`);
      return made;
    } finally {
      await tab.close();
    }
  };
}

function resultsOf(label: string, { a, b, ratio }: Comparison): Result[] {
  return [
    { name: label, value: ratio, unit: 'ratio' },
    { name: `${label}: time of the former`, value: a, unit: 'ms' },
    { name: `${label}: time of the latter`, value: b, unit: 'ms' },
  ];
}

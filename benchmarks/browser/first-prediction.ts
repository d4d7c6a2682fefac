import { createHash } from 'node:crypto';
import { compare } from '../lib/compare';
import { mlp } from '../lib/onnx/model';
import type { Result, SuiteContext } from '../lib/suite';
import type { OpenedBrowser } from './open-browser';
import type { Visit, VisitedModel } from './page/visits';

const layers = [784, 1024, 1024, 10] as const;
/** A good mobile line, and as fast as the loopback goes. */
const slowBytesPerSecond = 4e6;

type Visitor = (model: VisitedModel) => Promise<Visit>;

/** Where the runner runs, beside a page that has its session on the main thread. */
const runners = [
  { label: 'in a worker', lanes: 1 },
  { label: 'inline', lanes: 'inline' },
] as const;

/**
 * The time from the first line of a page's own code to its first prediction: by `cachedModel` and the runner, and by fetch,
 * Cache API and a bare session. Every visit is a page of its own. A first visit has the model under a new URL, so that
 * no cache has it; a second visit comes after it, and must not ask for the model.
 */
export async function measureFirstPrediction(
  { rounds, note }: SuiteContext,
  browser: OpenedBrowser,
): Promise<Result[]> {
  const { site } = browser;
  const bytes = mlp(layers);
  const digest = createHash('sha256').update(bytes).digest('hex');
  let models = 0;
  const newModel = (): VisitedModel => {
    const name = `visited-${models++}.onnx`;
    // A digest is the model's name in the cache of models, so a new model needs other bytes too: its producer's name differs.
    const own = withMark(bytes, models);
    site.models.set(name, own);
    return { url: `/models/${name}`, shape: [layers[0]], digest: createHash('sha256').update(own).digest('hex') };
  };
  void digest;
  const byRunner = (lanes: 1 | 'inline'): Visitor =>
    inNewTab(browser, (tab, model) => tab.call('visitByRunner', model, lanes));
  const plain: Visitor = inNewTab(browser, (tab, model) => tab.call('visitByCacheApi', model));

  const first = (visit: Visitor) => async () => {
    const model = newModel();
    const { firstAnswerMs } = await visit(model);
    site.models.delete(model.url.slice('/models/'.length));
    return firstAnswerMs;
  };
  const second = async (visit: Visitor) => {
    const model = newModel();
    await visit(model);
    const askedBefore = site.asked.length;
    return async () => {
      const { firstAnswerMs } = await visit(model);
      if (site.asked.length > askedBefore) throw new Error('A second visit asked the server for the model.');
      return firstAnswerMs;
    };
  };

  const size = `${(bytes.length / 1e6).toFixed(1)} MB`;
  const results: Result[] = [];
  for (const { label, lanes } of runners) {
    const visit = byRunner(lanes);
    for (const bytesPerSecond of [undefined, slowBytesPerSecond]) {
      site.bytesPerSecond = bytesPerSecond;
      const line = bytesPerSecond === undefined ? 'loopback' : `${bytesPerSecond / 1e6} MB/s`;
      note(`first prediction ${label}: first visit, ${line}`);
      results.push(...rows(`first visit, ${size} at ${line}, ${label}`, await compare(first(visit), first(plain), { rounds, warmUpRounds: 1 })));
    }
    site.bytesPerSecond = undefined;
    note(`first prediction ${label}: second visit`);
    results.push(...rows(`second visit, ${size}, ${label}`, await compare(await second(visit), await second(plain), { rounds })));
  }
  return results;
}

function rows(label: string, { a, b, ratio }: { readonly a: number; readonly b: number; readonly ratio: number }): Result[] {
  return [
    { name: `${label}: time to the first prediction, of that by fetch and Cache API`, value: ratio, unit: 'ratio' },
    { name: `${label}: runner with cachedModel`, value: a, unit: 'ms' },
    { name: `${label}: fetch, Cache API and a session inline`, value: b, unit: 'ms' },
  ];
}

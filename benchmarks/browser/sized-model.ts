import { quantile } from '../lib/load';
import { cnn, mlp } from '../lib/onnx/model';
import { findDepth } from './model-size';
import type { Tab } from './open-browser';
import type { PageModel } from './page/contestants';
import type { BenchSite } from './site';

/** A model whose runs take about as long as was asked for, in this machine's browser. */
export interface SizedModel extends PageModel {
  readonly name: string;
  /** Rows of the batch that it was sized for. */
  readonly rows: number;
  /** What such a batch takes in a worker, without the runner. */
  readonly ms: number;
}

/** A family of models of any depth. */
interface Family {
  readonly shape: readonly number[];
  readonly bytes: (depth: number) => Uint8Array;
  readonly describe: (depth: number) => string;
}

/** For single rows: much to compute, few bytes, as with pictures. */
const convolutions: Family = {
  shape: [3, 32, 32],
  bytes: (depth) => cnn([Array.from({ length: depth }, () => 32)]),
  describe: (depth) => `${depth} convolutions of 32 channels on 32 × 32 images`,
};
/** For batches, whose rows share what is read of the weights. */
const perceptron: Family = {
  shape: [784],
  bytes: (depth) => mlp([784, ...Array.from({ length: depth }, () => 512), 10]),
  describe: (depth) => `MLP 784-${depth}×512-10`,
};

/** Until the browser has compiled the runtime's code for speed, which it does while the code runs. */
const warmUpMs = 1500;
const trialMs = 700;

/** Makes a model whose batches of `rows` take about `targetMs` with one thread of WebAssembly. */
export async function makeSizedModel(
  tab: Tab,
  site: BenchSite,
  { targetMs, rows }: { readonly targetMs: number; readonly rows: number },
): Promise<SizedModel> {
  const family = rows === 1 ? convolutions : perceptron;
  const timeOf = (depth: number): Promise<number> => timeBatch(tab, serveModel(site, family, depth), rows);
  const { depth, ms } = await findDepth(targetMs, timeOf);
  return { ...serveModel(site, family, depth), name: family.describe(depth), rows, ms };
}

function serveModel(site: BenchSite, { shape, bytes, describe }: Family, depth: number): PageModel {
  const name = `${describe(depth).replace(/\W+/g, '-')}.onnx`;
  if (!site.models.has(name)) site.models.set(name, bytes(depth));
  return { url: `/models/${name}`, shape };
}

/** The MLP 784-512-…-10 of so many inner layers. */
export function servePerceptron(site: BenchSite, depth: number): PageModel {
  return serveModel(site, perceptron, depth);
}

/** A model that takes next to no time: one Gemm of 4 to 3. */
export function serveTiny(site: BenchSite): PageModel {
  site.models.set('tiny.onnx', mlp([4, 3]));
  return { url: '/models/tiny.onnx', shape: [4] };
}

/** What a batch takes in a bare worker: the fastest tenth, since whatever else the machine does can only slow it down. */
async function timeBatch(tab: Tab, model: PageModel, rows: number): Promise<number> {
  const handle = await tab.call('open', 'bare worker', model);
  try {
    await tab.call('drive', handle, { callers: 1, rows, durationMs: warmUpMs });
    const { latencies } = await tab.call('drive', handle, { callers: 1, rows, durationMs: trialMs });
    return quantile(Float64Array.from(latencies), 0.1);
  } finally {
    await tab.call('close', handle);
  }
}

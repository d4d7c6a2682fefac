import { onnx } from '@fairlead/browser';
import { cachedModel } from '@fairlead/browser/model-cache';
import { createModelStore, type ModelState, type OpenCall, useModel } from '@fairlead/browser/react';
import { createRunner, type LocalRunner } from '@fairlead/core';
import { StrictMode, useEffect, version } from 'react';
import { createRoot, type Root } from 'react-dom/client';

// The page that the tests of the React hook drive, rendered in StrictMode.

/** What the tests call. */
export interface ReactPage {
  readonly version: string;
  /** Shows a component with a model of its own, at a URL; once more for another URL. */
  showOwn(url: string, pixels: number[]): void;
  /** Shows as many components as asked for, all with one store. */
  showShared(count: number, pixels: number[]): void;
  /** Shows nothing. */
  unmount(): void;
  /** Every state that components rendered since the last call, in short. */
  rendered(): string[];
  /** Times that a component was rendered with another state object while the one before was equal in all fields. */
  needless(): number;
  /** Runners that were made for components with a model of their own, and how many of them are still in memory. */
  runners(): { readonly made: number; readonly alive: number };
}

declare global {
  var reactPage: ReactPage;
}

const shared = createModelStore({
  model: cachedModel('/models/digits-v2.onnx', { revalidate: 'never' }),
  backend: onnx({ device: 'wasm' }),
});
/** Runners of the components with a model of their own. */
const runners: WeakRef<LocalRunner>[] = [];
const seen: string[] = [];
let needless = 0;
let root: Root | undefined;
const last = new Map<string, ModelState>();

function Answer({ name, state, pixels }: { name: string; state: ModelState; pixels: number[] }) {
  const { status, device, result, error, run, retry } = state;
  useEffect(() => void run({ pixels: Float32Array.from(pixels) }), [run, pixels]);
  const label = result === undefined ? '-' : Array.from(result.outputs.label?.data as BigInt64Array, Number).join('');
  const text = `${status} ${label}${error === undefined ? '' : ` ${error.code}`}`;
  if (seen.at(-1) !== text) seen.push(text);
  const before = last.get(name);
  last.set(name, state);
  const fields = Object.keys(state) as (keyof ModelState)[];
  if (before !== undefined && before !== state && fields.every((field) => before[field] === state[field])) needless++;
  return (
    <section>
      <output>{text}</output>
      <span>{device}</span>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </section>
  );
}

function Own({ url, pixels }: { url: string; pixels: number[] }) {
  const open = async ({ signal, onProgress }: OpenCall) => {
    const model = cachedModel(url, { revalidate: 'never', on: { progress: onProgress } });
    const runner = await createRunner({ model, backend: onnx({ device: 'wasm' }), signal });
    runners.push(new WeakRef(runner));
    return runner;
  };
  const state = useModel(() => ({ open }), [url]);
  return <Answer name="own" state={state} pixels={pixels} />;
}

function Shared({ name, pixels }: { name: string; pixels: number[] }) {
  return <Answer name={name} state={useModel(shared)} pixels={pixels} />;
}

function render(element: React.ReactNode): void {
  root ??= createRoot(document.getElementById('root') as HTMLElement);
  root.render(<StrictMode>{element}</StrictMode>);
}

globalThis.reactPage = {
  version,
  showOwn: (url, pixels) => render(<Own url={url} pixels={pixels} />),
  showShared: (count, pixels) =>
    render(
      Array.from({ length: count }, (_, index) => `shared ${index}`).map((name) => (
        <Shared key={name} name={name} pixels={pixels} />
      )),
    ),
  unmount() {
    root?.unmount();
    root = undefined;
  },
  rendered: () => seen.splice(0),
  needless: () => needless,
  runners: () => ({ made: runners.length, alive: runners.filter((runner) => runner.deref() !== undefined).length }),
};

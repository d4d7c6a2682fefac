import { onnx } from '@fairlead/browser';
import { cachedModel } from '@fairlead/browser/model-cache';
import { createRunner } from '@fairlead/core';
import { openContestant, type PageModel } from './contestants';

/** A model that a visit runs once. */
export interface VisitedModel extends PageModel {
  /** SHA-256 of the file. */
  readonly digest: string;
}

/** Milliseconds from the start of the visit's own work to the first answer, and that answer. */
export interface Visit {
  readonly firstAnswerMs: number;
  readonly outputs: number[];
}

function oneRow({ shape }: PageModel): Float32Array {
  return Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, index) =>
    Math.sin(index),
  );
}

async function timeVisit(work: () => Promise<Float32Array>): Promise<Visit> {
  const startedAt = performance.now();
  const outputs = await work();
  return { firstAnswerMs: performance.now() - startedAt, outputs: Array.from(outputs) };
}

/** First predictions, each meant for a page that was just opened. */
export const visits = {
  /** By `cachedModel`, with the digest that its guide advises to give. */
  visitByRunner(
    model: VisitedModel,
    options: { readonly lanes: 1 | 'inline'; readonly warmUp: boolean },
  ): Promise<Visit> {
    return timeVisit(async () => {
      const runner = await createRunner({
        model: cachedModel(model.url, { digest: model.digest }),
        backend: onnx({ device: 'wasm', threads: 1 }),
        ...options,
      });
      const x = { dtype: 'float32', shape: [1, ...model.shape], data: oneRow(model) } as const;
      return (await runner.run({ x })).outputs.y?.data as Float32Array;
    });
  },

  /** As pages do it that have a Cache API and a runtime: look up, else fetch and put, then create a session and run. */
  visitByCacheApi(model: VisitedModel, place: 'bare inline' | 'bare worker'): Promise<Visit> {
    return timeVisit(async () => {
      const bytes = await bytesByCacheApi(model.url);
      const contestant = await openContestant(place, model, { bytes });
      return contestant.run(oneRow(model), 1);
    });
  },
};

async function bytesByCacheApi(url: string): Promise<ArrayBuffer> {
  const cache = await caches.open('plain-models');
  const known = await cache.match(url);
  if (known !== undefined) return known.arrayBuffer();
  const response = await fetch(url);
  const bytes = await response.arrayBuffer();
  await cache.put(url, new Response(bytes, { headers: response.headers }));
  return bytes;
}

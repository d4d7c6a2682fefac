import type { NamedTensorMap, Tensor as TfTensor } from '@tensorflow/tfjs-core';
import { messageOf } from '../errors';
import type { LoadedModel } from '../model-source';
import type { Tensor, Tensors } from '../tensor/tensor';
import type { TfjsArtifacts } from './artifacts';
import { onDevice, onDeviceInTurn, tidily } from './engine';
import { inputClaims, outputClaims } from './graph-signature';
import { invalidModel } from './invalid-model';
import type { Tensorflow, TfjsDevice, TfjsPlatform } from './packages';
import { fromTf, toTf } from './tensors';
import type { TfjsModel } from './tfjs-model';

/**
 * Loads a graph model on a device. Inputs and outputs are called as in its signature, or as their nodes are where it has
 * none. A graph with branches, loops, tables or outputs whose size depends on the values computes in several steps;
 * such runs of all sessions in this thread go one after the other. When one of them fails midway, TensorFlow.js keeps
 * what it had computed in memory; in a worker lane that ends with the lane.
 *
 * @throws FairleadError `MODEL_INVALID`, `UNSUPPORTED` for an input without a known rank or of a dtype that has no place
 * here, `BACKEND_UNAVAILABLE` when its package is missing
 */
export async function loadGraphModel(
  { loadPackage }: Pick<TfjsPlatform, 'loadPackage'>,
  tf: Tensorflow,
  device: TfjsDevice,
  { artifacts }: TfjsArtifacts,
  { name }: LoadedModel,
): Promise<TfjsModel> {
  const { loadGraphModelSync: load } = await loadPackage('converter');
  const model = onDevice(tf, device, () =>
    tidily(tf, () => {
      try {
        const loaded = load(artifacts);
        for (const weight of Object.values(loaded.weights).flat()) tf.keep(weight);
        return loaded;
      } catch (cause) {
        throw invalidModel(name, messageOf(cause).trim().replace(/\.$/, ''), cause);
      }
    }),
  );
  const inputs = inputClaims(model);
  const outputs = outputClaims(model);
  const names = outputs.map((output) => output.name);
  const weights = new Set<TfTensor>(Object.values(model.weights).flat());

  const feedsOf = (tensors: Tensors): NamedTensorMap =>
    Object.fromEntries(inputs.map((input) => [input.name, toTf(tf, tensors[input.name] as Tensor)]));
  /** A graph may answer a weight as it is. */
  const discard = (results: readonly TfTensor[]): void => {
    for (const result of results) if (!weights.has(result)) result.dispose();
  };

  const executeAtOnce = (tensors: Tensors): TfTensor[] => {
    const results = [model.execute(feedsOf(tensors), names)].flat();
    for (const result of results) tf.keep(result);
    return results;
  };

  const computeInSteps = async (tensors: Tensors): Promise<Tensors> => {
    const feeds = feedsOf(tensors);
    let results: TfTensor[] = [];
    try {
      results = [await model.executeAsync(feeds, names)].flat();
      return await fromTf(names, results, device);
    } finally {
      tf.dispose(feeds);
      discard(results);
    }
  };

  const computeAtOnce = (tensors: Tensors): Promise<Tensors> => {
    const results = onDevice(tf, device, () => tidily(tf, () => executeAtOnce(tensors)));
    return fromTf(names, results, device).finally(() => discard(results));
  };

  // What fills the tables of a graph takes several steps; else a graph that cannot compute at once says so.
  let inSteps = artifacts.modelInitializer !== undefined;
  return {
    inputs,
    outputs,
    async compute(tensors) {
      if (!inSteps) {
        try {
          return await computeAtOnce(tensors);
        } catch (error) {
          if (!messageOf(error).includes('executeAsync')) throw error;
          inSteps = true;
        }
      }
      return onDeviceInTurn(tf, device, () => computeInSteps(tensors));
    },
    dispose: () => model.dispose(),
  };
}

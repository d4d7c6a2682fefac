import type { Tensor as TfTensor } from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { FairleadError, messageOf } from '../errors';
import type { LoadedModel } from '../model-source';
import type { Tensor, Tensors } from '../tensor/tensor';
import type { TfjsArtifacts } from './artifacts';
import { onDevice, onDeviceInTurn, tidily } from './engine';
import { invalidModel } from './invalid-model';
import type { Tensorflow, TfjsDevice, TfjsPlatform } from './packages';
import { fromTf, toTf } from './tensors';
import type { TfjsModel, ValueClaim } from './tfjs-model';

/**
 * Loads a layers model on a device. Inputs and outputs are called as their layers are; where a layer has several, the
 * second is `name:1`. Layers that keep state from batch to batch begin each run anew, since batches are of several callers.
 *
 * @throws FairleadError `MODEL_INVALID`, `UNSUPPORTED` for a layer that the runtime does not have,
 * `BACKEND_UNAVAILABLE` when its package is missing
 */
export async function loadLayersModel(
  { loadPackage }: Pick<TfjsPlatform, 'loadPackage'>,
  tf: Tensorflow,
  device: TfjsDevice,
  { artifacts }: TfjsArtifacts,
  { name }: LoadedModel,
): Promise<TfjsModel> {
  const { loadLayersModel: load } = await loadPackage('layers');
  const variables = tf.engine().state.registeredVariables;
  const model = await onDeviceInTurn(tf, device, async () => {
    const before = new Set(Object.keys(variables));
    try {
      return await load({ load: async () => ({ ...artifacts, modelTopology: stateless(artifacts.modelTopology) }) });
    } catch (cause) {
      for (const [key, variable] of Object.entries(variables)) if (!before.has(key)) variable.dispose();
      throw loadFailure(name, cause);
    }
  });
  const inputs = claimsOf(model.inputs);
  const outputs = claimsOf(model.outputs);
  const outputNames = outputs.map((output) => output.name);
  const predict = (tensors: Tensors): TfTensor[] => {
    const feeds = inputs.map((input) => toTf(tf, tensors[input.name] as Tensor));
    const results = [model.predictOnBatch(feeds)].flat();
    for (const result of results) tf.keep(result);
    return results;
  };
  return {
    inputs,
    outputs,
    async compute(tensors) {
      const results = onDevice(tf, device, () => tidily(tf, () => predict(tensors)));
      return fromTf(outputNames, results, device).finally(() => tf.dispose(results));
    },
    dispose() {
      const names = model.weights.map((weight) => weight.name);
      model.dispose();
      // The layers count their uses, and those that a model uses twice outlive it.
      for (const weight of names) variables[weight]?.dispose();
    },
  };
}

/** By the layers themselves: the lists of names that a model keeps are empty in a sequential one. */
function claimsOf(values: readonly SymbolicTensor[]): ValueClaim[] {
  const seen = new Map<string, number>();
  return values.map(({ dtype, shape, sourceLayer: { name } }) => {
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return { name: count === 0 ? name : `${name}:${count}`, dtype, shape };
  });
}

/** A topology whose layers keep nothing from one batch to the next. */
function stateless(config: unknown): object {
  return JSON.parse(JSON.stringify(config), (key, value) => (key === 'stateful' && value === true ? false : value));
}

function loadFailure(name: string, cause: unknown): FairleadError {
  // Its advice for TypeScript users of custom layers takes several paragraphs.
  const [reason = ''] = messageOf(cause).split('\n');
  const [, kind, className = ''] = /^Unknown ([a-z ]+): (\S+?)\./.exec(reason) ?? [];
  if (kind !== undefined) {
    return new FairleadError(
      'UNSUPPORTED',
      `${name} needs the ${kind} "${className}", which TensorFlow.js does not have. Register it by tf.serialization.registerClass and set lanes: 'inline', or make the model without it.`,
      { cause, details: { field: className, expected: `a ${kind} of TensorFlow.js` } },
    );
  }
  const advice = /batchInputShape/.test(reason)
    ? '. Models of Keras 3 are not understood by TensorFlow.js: save the model with Keras 2 (tf_keras) and convert it again'
    : '';
  return invalidModel(name, `${reason.trim().replace(/\.$/, '')}${advice}`, cause);
}

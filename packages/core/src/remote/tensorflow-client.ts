import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import { timeoutHeader } from '../serving/request-deadline';
import { decodeServingMetadata, decodeServingVersion, isAvailable } from '../serving/tensorflow/metadata';
import { decodePredictions, encodePredictRequest } from '../serving/tensorflow/predict';
import { defaultSignatureName } from '../serving/tensorflow/signature-names';
import { readJson } from '../tensor/json/lenient-json';
import { checkRows } from './check-rows';
import { readAsAnswer, readDescription } from './read-answer';
import type { RemoteConnection, RemoteProtocol, RemoteTarget } from './remote-protocol';

/** Options of {@link tensorflowClient}. */
export interface TensorflowClientOptions {
  /** Label of the version that must answer, in place of `version` of `remote`. @default whichever version the server serves */
  readonly label?: string;
  /** Which signature of the model is run. @default 'serving_default' */
  readonly signatureName?: string;
}

const schema = z.strictObject({
  label: z.optional(z.string().check(z.minLength(1))),
  signatureName: z.optional(z.string().check(z.minLength(1))),
});

const utf8 = new TextDecoder();

/**
 * TensorFlow Serving's REST API, for `remote`: its own servers, and whatever else answers `:predict` and `/metadata` as they do. The
 * signature comes from the model's metadata; a model with tensors of unknown rank needs the option `signature`.
 *
 * Tensors travel in column format, so that each may have rows of its own. Every element arrives bit for bit, NaN and the infinities as
 * bare tokens, integers past 2^53 with all their digits, and a whole float as one; outputs whose name ends in `_bytes` are read as
 * UTF-8. An answer does not name its version: `model.version` is the one that was served when the runner connected. What is left of a
 * request's time travels in header `x-request-timeout-ms`, which Fairlead's servers read and others ignore.
 *
 * @throws FairleadError `INVALID_OPTION`, and of `remote` where `version` and `label` are both given
 */
export function tensorflowClient(options?: TensorflowClientOptions): RemoteProtocol {
  const { label, signatureName = defaultSignatureName } = parseOptions(schema, options, 'tensorflowClient');
  return { name: 'tensorflow-serving', connect: (target) => connect(target, label, signatureName) };
}

function connect(target: RemoteTarget, label: string | undefined, signatureName: string): RemoteConnection {
  const { model, what, maxResponseBytes } = target;
  const url = `${target.url}/v1/models/${encodeURIComponent(model)}${pinOf(target.version, label)}`;
  const named = signatureName === defaultSignatureName ? undefined : signatureName;
  return {
    url,
    encoding: 'json',
    async describe(call) {
      const { bytes } = await target.send({ url: `${url}/metadata`, method: 'GET', ...call });
      const read = (message: unknown) => ({
        digest: '',
        // What the user says is not looked for: the server may not be able to tell it.
        ...(target.signature === undefined
          ? decodeServingMetadata(message, signatureName)
          : { signature: undefined, version: decodeServingVersion(message) }),
      });
      return readDescription(what, () => readJson(utf8.decode(bytes), read));
    },
    async infer({ signature, tensors, rows, timeoutMs, deadline, signal }) {
      const body = encodePredictRequest(signature.inputs, tensors, named);
      const headers = {
        'content-type': 'application/json',
        [timeoutHeader]: String(Math.max(1, Math.floor(timeoutMs))),
      };
      const answer = await target.send({ url: `${url}:predict`, method: 'POST', headers, body, deadline, signal });
      const outputs = readAsAnswer(what, () => {
        const answered = readJson(utf8.decode(answer.bytes), (message) =>
          decodePredictions(message, signature, maxResponseBytes),
        );
        checkRows(signature, answered, rows);
        return answered;
      });
      return { outputs };
    },
    async checkReady(call) {
      const { bytes } = await target.send({ url, method: 'GET', ...call });
      if (readDescription(what, () => readJson(utf8.decode(bytes), isAvailable))) return;
      throw new FairleadError('REMOTE_FAILED', `${what} says that no version of it is available.`);
    },
  };
}

function pinOf(version: string | undefined, label: string | undefined): string {
  if (version !== undefined && label !== undefined) {
    const expected = 'either the option "version" of remote() or the label';
    throw new FairleadError(
      'INVALID_OPTION',
      `tensorflowClient: option "label" is wrong: expected ${expected}, given both.`,
      {
        details: { field: 'label', expected, given: 'both' },
      },
    );
  }
  if (version !== undefined) return `/versions/${encodeURIComponent(version)}`;
  return label === undefined ? '' : `/labels/${encodeURIComponent(label)}`;
}

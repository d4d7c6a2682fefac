import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import type { RolloutRewardOutcome } from '../rollouts/rewards/rollout-rewards';
import { joinBody, jsonLengthHeader, splitBody } from '../serving/open-inference/binary';
import {
  decodeInferResponse,
  encodeInferRequest,
  type InferRequestParameters,
} from '../serving/open-inference/messages';
import { decodeMetadata } from '../serving/open-inference/metadata';
import { timeoutHeader } from '../serving/request-deadline';
import type { ModelSignature } from '../signature';
import { describeGiven } from '../tensor/json/describe-given';
import { readJson } from '../tensor/json/lenient-json';
import type { Tensor } from '../tensor/tensor';
import type { ExchangeAnswer } from './exchange';
import { readAsAnswer, readDescription } from './read-answer';
import type { RemoteAnswer, RemoteConnection, RemoteProtocol, RemoteTarget } from './remote-protocol';

/** Options of {@link openInferenceClient}. */
export interface OpenInferenceClientOptions {
  /**
   * How tensors travel: `binary`, as they are in memory, by Triton's binary tensor data extension, several times smaller and
   * exact to the bit; `json`; or `auto`, binary where the model's metadata offers it, as Fairlead's own servers do.
   * @default 'auto'
   */
  readonly encoding?: 'auto' | 'binary' | 'json';
}

const schema = z.strictObject({ encoding: z.optional(z.enum(['auto', 'binary', 'json'])) });

const utf8 = new TextDecoder();

/**
 * The Open Inference Protocol v2 over REST, for `remote`: Fairlead's own servers, Triton, MLServer, KServe.
 *
 * What is left of a request's time travels in header `x-request-timeout-ms` and parameter `timeout`. As bytes, every element arrives
 * bit for bit; strings travel as JSON. There every finite number arrives as it was sent, integers past 2^53 too; NaN and the
 * infinities travel as the strings "NaN", "Infinity" and "-Infinity"; in answers, bare tokens and `null` (NaN) are understood
 * as well.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function openInferenceClient(options?: OpenInferenceClientOptions): RemoteProtocol {
  const { encoding = 'auto' } = parseOptions(schema, options, 'openInferenceClient');
  return { name: 'open-inference', connect: (target) => connect(target, encoding) };
}

function connect(target: RemoteTarget, encoding: 'auto' | 'binary' | 'json'): RemoteConnection {
  const { model, version, what, maxResponseBytes } = target;
  const pinned = version === undefined ? '' : `/versions/${encodeURIComponent(version)}`;
  const url = `${target.url}/v2/models/${encodeURIComponent(model)}${pinned}`;
  let binary = encoding === 'binary';
  let isAssigned = false;
  return {
    url,
    get encoding() {
      return binary ? 'binary' : 'json';
    },
    async describe(call) {
      const answer = await target.send({ url, method: 'GET', ...call });
      const {
        versions,
        digest,
        signature,
        binary: offered,
        isAssigned: assigns,
      } = readDescription(what, () => readJson(utf8.decode(answer.bytes), decodeMetadata));
      if (encoding === 'auto') binary = offered;
      isAssigned = assigns;
      return { signature, version: versions.at(-1) ?? '', digest };
    },
    async infer({ signature, tensors, priority, timeoutMs, assignment, deadline, signal }) {
      const parameters = { timeoutMs, priority, ...(isAssigned && assignment !== undefined && { assignment }) };
      const message = writeRequest(signature, tensors, parameters, binary);
      const headers = { ...message.headers, [timeoutHeader]: String(Math.max(1, Math.floor(timeoutMs))) };
      const answer = await target.send({
        url: `${url}/infer`,
        method: 'POST',
        headers,
        body: message.body,
        deadline,
        signal,
      });
      return readAsAnswer(what, () => readAnswer(answer, signature, maxResponseBytes));
    },
    async checkReady(call) {
      await target.send({ url: `${url}/ready`, method: 'GET', ...call });
    },
    async reward({ decisionId, value, at, deadline, signal }) {
      const answer = await target.send({
        // Of whichever version answered.
        url: `${target.url}/v2/models/${encodeURIComponent(model)}/rewards`,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ decision_id: decisionId, value, at }),
        deadline,
        signal,
      });
      return readAsAnswer(what, () => readJson(utf8.decode(answer.bytes), readOutcome));
    },
  };
}

function readAnswer({ bytes, header }: ExchangeAnswer, signature: ModelSignature, maxElements: number): RemoteAnswer {
  const { json, binary } = splitBody(bytes, header(jsonLengthHeader));
  return readJson(utf8.decode(json), (message) => decodeInferResponse(message, signature, maxElements, binary));
}

const outcomes: ReadonlySet<unknown> = new Set<RolloutRewardOutcome>([
  'counted',
  'accepted',
  'duplicate',
  'late',
  'gone',
]);

function readOutcome(message: unknown): RolloutRewardOutcome {
  const { outcome } = (message ?? {}) as { readonly outcome?: unknown };
  if (outcomes.has(outcome)) return outcome as RolloutRewardOutcome;
  const [expected, given] = ['what became of the reward', describeGiven(outcome)];
  throw new FairleadError('PROTOCOL_ERROR', `Answer outcome: expected ${expected}, given ${given}.`, {
    details: { field: 'outcome', expected, given },
  });
}

interface Message {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

function writeRequest(
  signature: ModelSignature,
  tensors: readonly Tensor[],
  parameters: InferRequestParameters,
  binary: boolean,
): Message {
  if (!binary) {
    const body = encodeInferRequest(signature.inputs, tensors, parameters);
    return { body, headers: { 'content-type': 'application/json' } };
  }
  // Strings stay in the JSON, which carries any of them; bytes would have to be UTF-8.
  const texts = new Set(signature.inputs.filter(({ dtype }) => dtype === 'string').map(({ name }) => name));
  const parts: Uint8Array[] = [];
  const outputs = signature.outputs.map(({ name, dtype }) => ({ name, binary: dtype !== 'string' }));
  const wants = (name: string): boolean => !texts.has(name);
  const json = encodeInferRequest(signature.inputs, tensors, { ...parameters, outputs }, { wants, parts });
  const { body, jsonLength } = joinBody(json, parts);
  return { body, headers: { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(jsonLength) } };
}

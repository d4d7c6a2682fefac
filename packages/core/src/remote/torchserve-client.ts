import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import { timeoutHeader } from '../serving/request-deadline';
import { readEnvelope, readTensors, writeEnvelope, writeTensors } from '../serving/torchserve/messages';
import { readJson } from '../tensor/json/lenient-json';
import { checkRows } from './check-rows';
import { readAsAnswer } from './read-answer';
import type { RemoteConnection, RemoteProtocol, RemoteTarget } from './remote-protocol';

/** Options of {@link torchServeClient}. */
export interface TorchServeClientOptions {
  /**
   * How the model's handler takes tensors, and answers them: `none`, the nested arrays of one tensor alone, and of several in an object
   * by name; `instances`, as rows in KServe's envelope, `{"instances": […]}` and `{"predictions": […]}`.
   * @default 'none'
   */
  readonly envelope?: 'none' | 'instances';
}

const schema = z.strictObject({ envelope: z.optional(z.enum(['none', 'instances'])) });

const utf8 = new TextDecoder();

/**
 * TorchServe's inference API, for `remote`. TorchServe describes no tensors, so the option `signature` of `remote` is needed; and since
 * each model there has a handler of its own, it works with those that take and answer JSON tensors in one of the two forms.
 *
 * Numbers travel as Python's `json` reads and writes them, with bare NaN and Infinity. An answer does not name its version:
 * `model.version` is the one that was asked for, or empty. Ready means that the server is healthy (`GET /ping`); it does not tell that of
 * one model.
 *
 * @throws FairleadError `INVALID_OPTION`, and of `remote` where `signature` is missing
 */
export function torchServeClient(options?: TorchServeClientOptions): RemoteProtocol {
  const { envelope = 'none' } = parseOptions(schema, options, 'torchServeClient');
  return { name: 'torchserve', connect: (target) => connect(target, envelope) };
}

function connect(target: RemoteTarget, envelope: 'none' | 'instances'): RemoteConnection {
  const { model, version, what, maxResponseBytes } = target;
  if (target.signature === undefined) {
    const expected = 'a signature {inputs, outputs, batchAxis}, since TorchServe does not describe its models';
    throw new FairleadError(
      'INVALID_OPTION',
      `remote: option "signature" is wrong: expected ${expected}, given none.`,
      {
        details: { field: 'signature', expected, given: 'none' },
      },
    );
  }
  const pinned = version === undefined ? '' : `/${encodeURIComponent(version)}`;
  const url = `${target.url}/predictions/${encodeURIComponent(model)}${pinned}`;
  const write = envelope === 'none' ? writeTensors : writeEnvelope;
  const read = envelope === 'none' ? readTensors : readEnvelope;
  return {
    url,
    encoding: 'json',
    async describe(call) {
      await target.send({ url: `${target.url}/ping`, method: 'GET', ...call });
      return { signature: undefined, version: '', digest: '' };
    },
    async infer({ signature, tensors, rows, timeoutMs, deadline, signal }) {
      const body = write(signature.inputs, tensors);
      const headers = {
        'content-type': 'application/json',
        [timeoutHeader]: String(Math.max(1, Math.floor(timeoutMs))),
      };
      const answer = await target.send({ url, method: 'POST', headers, body, deadline, signal }).catch(rethrow);
      const outputs = readAsAnswer(what, () => {
        const answered = readJson(utf8.decode(answer.bytes), (message) =>
          read(message, signature.outputs, maxResponseBytes),
        );
        checkRows(signature, answered, rows);
        return answered;
      });
      return { outputs };
    },
    async checkReady(call) {
      await target.send({ url: `${target.url}/ping`, method: 'GET', ...call });
    },
  };
}

/** A handler that failed answers 503, as a server does that is full: only what it is called tells them apart. */
function rethrow(error: unknown): never {
  if (!FairleadError.isInstance(error, 'OVERLOADED') || error.details.remoteType !== 'InternalServerException')
    throw error;
  throw new FairleadError('REMOTE_FAILED', error.message, { cause: error, details: error.details });
}

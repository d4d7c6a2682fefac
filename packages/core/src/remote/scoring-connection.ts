import { FairleadError } from '../errors';
import { timeoutHeader } from '../serving/request-deadline';
import { decodePredictionValues } from '../serving/scoring/client-messages';
import type { ModelSignature } from '../signature';
import { readJson } from '../tensor/json/lenient-json';
import type { Tensor, Tensors } from '../tensor/tensor';
import { readAsAnswer } from './read-answer';
import type { ErrorAnswer } from './remote-error';
import type { RemoteConnection, RemoteInfer, RemoteTarget } from './remote-protocol';

/** A request over HTTP, before it is signed. */
export interface SignableRequest {
  readonly method: 'POST';
  readonly url: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What one scoring contract has of its own. */
export interface ScoringContract {
  /** The factory's name, for messages. */
  readonly owner: string;
  /** Behind the address of the server; asked for predictions. */
  readonly predictRoute: string;
  /** Behind the address of the server; undefined where nothing can be asked for health. */
  readonly healthRoute: string | undefined;
  /** Headers of each request, beside the content type. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body of a request. */
  encode(tensors: readonly Tensor[], signature: ModelSignature): string;
  /** Where the predictions are in an answer, and the version that it names. */
  read(message: unknown): { readonly predictions: unknown; readonly modelVersion?: string | undefined };
  /** Takes the server's own error out of what a gateway put around it. */
  readonly unwrapError?: (answer: ErrorAnswer) => ErrorAnswer;
  /** Answers the headers to send, credentials among them. */
  readonly sign?: (request: SignableRequest) => Promise<Readonly<Record<string, string>>>;
}

/**
 * Connects to a model behind a scoring contract: JSON there and back, and nothing that describes tensors.
 *
 * @throws FairleadError `INVALID_OPTION` without a signature, and with a version, which cannot be pinned
 */
export function connectScoring(target: RemoteTarget, contract: ScoringContract): RemoteConnection {
  const { what, maxResponseBytes } = target;
  const { healthRoute, unwrapError, sign } = contract;
  checkTarget(target, contract);
  const url = target.url + contract.predictRoute;
  const healthUrl = healthRoute === undefined ? undefined : target.url + healthRoute;
  return {
    url,
    encoding: 'json',
    async describe(call) {
      if (healthUrl !== undefined) await target.send({ url: healthUrl, method: 'GET', ...call });
      return { signature: undefined, version: '', digest: '' };
    },
    async infer({ signature, tensors, timeoutMs, deadline, signal }: RemoteInfer) {
      const body = contract.encode(tensors, signature);
      const headers = {
        accept: 'application/json',
        'content-type': 'application/json',
        [timeoutHeader]: String(Math.max(1, Math.floor(timeoutMs))),
        ...contract.headers,
      };
      const request: SignableRequest = { method: 'POST', url, headers, body };
      const answer = await target.send({
        ...request,
        deadline,
        signal,
        ...(sign !== undefined && { credentials: () => signed(sign, request, contract.owner) }),
        ...(unwrapError !== undefined && { unwrapError }),
      });
      return readAsAnswer(what, () =>
        readJson(new TextDecoder().decode(answer.bytes), (message) => {
          const { predictions, modelVersion } = contract.read(message);
          const outputs: Tensors = decodePredictionValues(predictions, signature, maxResponseBytes, 'predictions');
          return { outputs, modelVersion };
        }),
      );
    },
    async checkReady(call) {
      if (healthUrl !== undefined) await target.send({ url: healthUrl, method: 'GET', ...call });
    },
  };
}

/** The predictions of `{"predictions": …}`, which all but bare lists are. */
export function predictionsOf(message: unknown): { predictions: unknown } {
  if (typeof message === 'object' && message !== null && Object.hasOwn(message, 'predictions'))
    return { predictions: (message as { predictions: unknown }).predictions };
  throw new FairleadError('INVALID_INPUT', 'Answer: expected an object with "predictions".', {
    details: { field: 'predictions', expected: 'an object with "predictions"' },
  });
}

/** Headers that are the transport's to set, whatever a signer says of them. */
const ownHeaders: readonly string[] = ['host', 'content-length'];

async function signed(
  sign: NonNullable<ScoringContract['sign']>,
  request: SignableRequest,
  owner: string,
): Promise<Readonly<Record<string, string>>> {
  let headers: unknown;
  try {
    headers = await sign(request);
  } catch (cause) {
    const message = `The option "sign" of ${owner}() failed. Nothing was sent.`;
    throw new FairleadError('REMOTE_FAILED', message, { cause, details: { field: 'sign' } });
  }
  const entries = typeof headers === 'object' && headers !== null ? Object.entries(headers) : undefined;
  if (entries === undefined || entries.some(([, value]) => typeof value !== 'string')) {
    throw new FairleadError('INVALID_OPTION', `${owner}: option "sign" answered no headers: expected text by name.`, {
      details: { field: 'sign', expected: 'headers by name' },
    });
  }
  const added = entries.map(([name, value]) => [name.toLowerCase(), value as string] as const);
  return Object.fromEntries(
    added.filter(([name, value]) => !ownHeaders.includes(name) && request.headers[name] !== value),
  );
}

function checkTarget({ signature, version, url }: RemoteTarget, { owner, predictRoute }: ScoringContract): void {
  if (signature === undefined) {
    throw invalidTarget(owner, 'signature', 'what the model takes and answers, since its server does not describe it');
  }
  if (version !== undefined) throw invalidTarget(owner, 'version', 'none, since this protocol cannot ask for one');
  if (!leadsTo(url + predictRoute, new URL(url).origin)) {
    throw invalidTarget(owner, 'url', `an address with a path, behind which "${predictRoute}" is one`);
  }
}

/** A method such as `:predict` right behind a host would be taken for its port. */
function leadsTo(address: string, origin: string): boolean {
  try {
    return new URL(address).origin === origin;
  } catch {
    return false;
  }
}

function invalidTarget(owner: string, field: string, expected: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `remote: option "${field}" with ${owner}() is wrong: expected ${expected}.`,
    {
      details: { field, expected },
    },
  );
}

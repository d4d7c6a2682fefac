import { expect, test } from 'vitest';
import { createRunner } from '../runner/create-runner';
import { createMockBackend, mockModel } from '../testing';
import {
  azureMl,
  createService,
  mlflowScoring,
  openInference,
  type ServiceRequest,
  type ServingProtocol,
  sageMaker,
  tensorflowServing,
  torchServe,
  vertexAi,
} from './index';
import { joinBody } from './open-inference/binary';
import { encodeNpy } from './sagemaker/npy';

interface Case {
  readonly protocol: () => ServingProtocol;
  readonly path: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the body is given back before the model runs. */
  readonly released: boolean;
}

const row = Float32Array.of(1, -1);
const input = { name: 'x', shape: [1, 2], datatype: 'FP32' };
const binary = joinBody(JSON.stringify({ inputs: [{ ...input, parameters: { binary_data_size: 8 } }] }), [
  new Uint8Array(row.buffer),
]);
const infer = { protocol: openInference, path: '/v2/models/mock/infer' };
const sagemaker = { protocol: sageMaker, path: '/invocations' };
const torch = { protocol: torchServe, path: '/predictions/mock' };
const instances = JSON.stringify({ instances: [[1, -1]] });

const cases: Readonly<Record<string, Case>> = {
  'the protocol V2, JSON': {
    ...infer,
    body: JSON.stringify({ inputs: [{ ...input, data: [1, -1] }] }),
    released: true,
  },
  'the protocol V2, binary': {
    ...infer,
    body: binary.body,
    headers: { 'inference-header-content-length': String(binary.jsonLength) },
    released: false,
  },
  'the protocol V2, bytes alone': {
    ...infer,
    body: new Uint8Array(row.slice().buffer),
    headers: { 'inference-header-content-length': '0' },
    released: false,
  },
  'TensorFlow Serving': {
    protocol: tensorflowServing,
    path: '/v1/models/mock:predict',
    body: instances,
    released: true,
  },
  'MLflow, JSON': {
    protocol: mlflowScoring,
    path: '/invocations',
    body: JSON.stringify({ inputs: [[1, -1]] }),
    headers: { 'content-type': 'application/json' },
    released: true,
  },
  'SageMaker, CSV': { ...sagemaker, body: '1,-1\n', headers: { 'content-type': 'text/csv' }, released: true },
  'SageMaker, npy': {
    ...sagemaker,
    body: encodeNpy({ dtype: 'float32', shape: [1, 2], data: row }),
    headers: { 'content-type': 'application/x-npy' },
    released: false,
  },
  'Vertex AI': { protocol: vertexAi, path: '/predict', body: instances, released: true },
  'Azure ML': {
    protocol: azureMl,
    path: '/score',
    body: JSON.stringify({ input_data: [[1, -1]] }),
    headers: { 'content-type': 'application/json' },
    released: true,
  },
  'TorchServe, JSON': {
    ...torch,
    body: '[1, -1]',
    headers: { 'content-type': 'application/json' },
    released: true,
  },
  'TorchServe, bytes': {
    ...torch,
    body: new Uint8Array(row.slice().buffer),
    headers: { 'content-type': 'application/octet-stream' },
    released: false,
  },
};

test.each(Object.entries(cases))('%s: a body that is released is not looked at again', async (_, given) => {
  const backend = createMockBackend();
  const runner = await createRunner({ model: mockModel(), backend });
  const service = createService({ mock: runner }, { protocols: [given.protocol()] });
  const bytes = typeof given.body === 'string' ? new TextEncoder().encode(given.body) : given.body.slice();
  let released = 0;
  const request: ServiceRequest = {
    method: 'POST',
    path: given.path,
    header: (name) => given.headers?.[name],
    body: async () => bytes,
    release() {
      released++;
      // As memory that others have by now.
      bytes.fill(0);
    },
    stream: () => {
      throw new Error('Nobody reads it in pieces.');
    },
  };
  // The second one is read by what is known of the first.
  for (const body of [bytes.slice(), bytes.slice()]) {
    bytes.set(body);
    const answer = await service.handle(request);
    const text =
      typeof answer.body === 'string' ? answer.body : new TextDecoder('latin1').decode(answer.body as Uint8Array);
    expect([answer.status, text]).toEqual([200, expect.any(String)]);
    expect(backend.calls.at(-1)?.inputs.x?.data).toEqual(row);
    bytes.set(body);
  }
  expect(released).toBe(given.released ? 2 : 0);
  await runner.close();
});

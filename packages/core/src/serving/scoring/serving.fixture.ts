import type { Logger } from '../../logger';
import { createRunner } from '../../runner/create-runner';
import type { ModelRunner } from '../../runner/runner';
import type { ModelSignature } from '../../signature';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { createMockBackend, type MockBackendOptions, mockModel } from '../../testing/index';
import { createHandler, type ServiceOptions, type ServingProtocol } from '../index';

/* What the tests of the scoring protocols share: runners, and requests without a socket. */

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Two inputs and two outputs: `total` is the row's sum times `scale`, `label` says whether it is positive. */
export const tabular: ModelSignature = {
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['batch', 2] },
    { name: 'scale', dtype: 'float32', shape: ['batch', 1] },
  ],
  outputs: [
    { name: 'total', dtype: 'float32', shape: ['batch'] },
    { name: 'label', dtype: 'string', shape: ['batch'] },
  ],
  batchAxis: 0,
};

function compute({ x, scale }: Tensors): Tensors {
  const [values, factors] = [x?.data as Float32Array, scale?.data as Float32Array];
  const totals = Float32Array.from(
    factors,
    (factor, row) => factor * ((values[2 * row] ?? 0) + (values[2 * row + 1] ?? 0)),
  );
  const total: Tensor = { dtype: 'float32', shape: [totals.length], data: totals };
  const label: Tensor = {
    dtype: 'string',
    shape: [totals.length],
    data: Array.from(totals, (each) => (each > 0 ? 'yes' : 'no')),
  };
  return { total, label };
}

/** A mock runner: `y` is `x` times two, of float32 [batch, 2]. */
export function mockRunner(mock: MockBackendOptions = {}, version = '1'): Promise<ModelRunner> {
  return createRunner({ model: mockModel(version), backend: createMockBackend(mock), warmUp: false, logger: silent });
}

export function tabularRunner(): Promise<ModelRunner> {
  return mockRunner({ signature: tabular, compute });
}

/** What a request is answered with; a body that is JSON is parsed. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly body: unknown;
}

/** Asks runners behind a protocol. */
export function asker(
  runners: Parameters<typeof createHandler>[0],
  protocol: ServingProtocol,
  options: ServiceOptions = {},
) {
  const handle = createHandler(runners, { protocols: [protocol], logger: silent, ...options });
  return async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array || body === undefined;
    const init: RequestInit = {
      method,
      headers: { ...(!(body instanceof Uint8Array) && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: isRaw ? (body as BodyInit) : JSON.stringify(body) }),
    };
    const response = await handle(new Request(`http://test${path}`, init));
    const bytes = new Uint8Array(await response.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    return { status: response.status, headers: response.headers, text, bytes, body: parsed(text) };
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

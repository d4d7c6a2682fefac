import {
  createRunner,
  type DType,
  type Logger,
  type ModelRunner,
  type RunnerOptions,
  type Tensor,
} from '@fairlead/core';
import { createMockBackend, type MockBackendOptions, mockModel } from '@fairlead/core/testing';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A logger that keeps what it is told. */
export function keeping(): Logger & { readonly said: string[] } {
  const said: string[] = [];
  const keep = (_details: unknown, message?: string): void => void said.push(message ?? '');
  return { said, debug: keep, info: keep, warn: keep, error: keep } as Logger & { readonly said: string[] };
}

export function mock(
  options: MockBackendOptions = {},
  version = '1',
  batching: RunnerOptions['batching'] = {},
): Promise<ModelRunner> {
  const backend = createMockBackend(options);
  return createRunner({ model: mockModel(version), backend, warmUp: false, batching, logger: silent });
}

/** A model that answers what it gets. */
export function echo(
  dtype: DType,
  shape: readonly (number | string)[] = ['batch', 3],
  version = '1',
): Promise<ModelRunner> {
  const spec = (name: string) => ({ name, dtype, shape });
  const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
  return mock({ signature, compute: ({ x }) => ({ y: x as Tensor }) }, version);
}

/** A model that answers when `release` says so, and says by `started` when it computes. */
export async function held() {
  let release = (): void => {};
  let begin = (): void => {};
  const started = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch', 3] });
  const runner = await mock({
    signature: { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 },
    compute: async ({ x }) => {
      begin();
      await released;
      return { y: x as Tensor };
    },
  });
  return { runner, started, release: () => release() };
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** A client that sends bytes as they are. */
export function rawClient(address: string) {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  return {
    client,
    call(path: string, request: Uint8Array, metadata?: Metadata): Promise<Buffer> {
      return new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, answer?: Buffer): void => {
          if (error) reject(error);
          else resolve(answer ?? Buffer.alloc(0));
        };
        const bytes = Buffer.from(request);
        if (metadata === undefined) client.makeUnaryRequest(path, asIs, asIs, bytes, done);
        else client.makeUnaryRequest(path, asIs, asIs, bytes, metadata, done);
      });
    },
    /** An answer with the metadata before it. */
    answered(path: string, request: Uint8Array, given = new Metadata()) {
      return new Promise<{ readonly message: Buffer; readonly metadata: Metadata }>((resolve, reject) => {
        let metadata = new Metadata();
        const done = (error: ServiceError | null, message?: Buffer): void => {
          if (error) reject(error);
          else resolve({ message: message ?? Buffer.alloc(0), metadata });
        };
        const call = client.makeUnaryRequest(path, asIs, asIs, Buffer.from(request), given, done);
        call.on('metadata', (before) => {
          metadata = before;
        });
      });
    },
    stream: (path: string) => client.makeBidiStreamRequest(path, asIs, asIs),
    watch: (path: string, request: Buffer) => client.makeServerStreamRequest(path, asIs, asIs, request),
    close: () => client.close(),
  };
}

import type { Logger } from '../../logger';
import { createRunner } from '../../runner/create-runner';
import { createMockBackend, type MockBackendOptions, mockModel } from '../../testing/index';
import { createHandler, type Handler } from '../handler';
import type { ServiceOptions } from '../options';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A handler of one model, `mock`, served as `numbers`. */
export async function handlerOf(options: ServiceOptions, mock: MockBackendOptions = {}) {
  const backend = createMockBackend(mock);
  const runner = await createRunner({
    model: mockModel('1'),
    backend,
    warmUp: false,
    lanes: 'inline',
    logger: silent,
    ...(options.clock && { clock: options.clock }),
  });
  const handle: Handler = createHandler({ numbers: runner }, { logger: silent, ...options });
  return { handle, runner };
}

/** A request to infer two numbers a row. */
export function infer(
  headers: Readonly<Record<string, string>> = {},
  data: readonly unknown[] = [1, 2],
  name = 'numbers',
) {
  const inputs = [{ name: 'x', shape: [data.length / 2, 2], datatype: 'FP32', data }];
  return new Request(`http://test/v2/models/${name}/infer`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ inputs }),
  });
}

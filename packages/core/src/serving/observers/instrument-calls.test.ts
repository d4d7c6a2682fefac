import { expect, test } from 'vitest';
import { FairleadError } from '../../errors';
import { createRegistry, toOpenMetrics, toPrometheusText } from '../../metrics';
import type { Guard } from '../host/call';
import { instrumentCalls } from './instrument-calls';
import { handlerOf, infer } from './observers.fixture';

/** The samples of the server's families that are not 0, without buckets and times. */
function samplesOf(text: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of text.split('\n')) {
    const [, name = '', value = ''] = /^(ml_server_[^ ]*) (.*)$/.exec(line) ?? [];
    if (name !== '' && !/_bucket|_sum|_created/.test(name) && value !== '0')
      found[name.replaceAll('"', "'")] = Number(value);
  }
  return found;
}

test('counts calls by protocol, operation, model and code, and how long they took', async () => {
  const registry = createRegistry();
  const guard: Guard = {
    admit({ header }) {
      if (header('authorization') === 'none') throw new FairleadError('UNAUTHENTICATED', 'Send a key.');
      return undefined;
    },
  };
  const { handle, runner } = await handlerOf({ observers: [instrumentCalls(registry)], guard });
  await Promise.all([infer(), infer(), infer({}, ['x', 2]), infer({ authorization: 'none' })].map(handle));
  // Names that a client makes up have no series, however many there are.
  for (let i = 0; i < 50; i++) await handle(infer({}, [1, 2], `made-up-${i}`));
  await handle(new Request('http://test/v2/health/ready'));

  const call = "protocol='open-inference',operation='infer'";
  expect(samplesOf(toPrometheusText(registry))).toEqual({
    [`ml_server_request_success_total{${call},model='numbers'}`]: 2,
    "ml_server_request_success_total{protocol='open-inference',operation='health'}": 1,
    [`ml_server_request_failure_total{${call},model='numbers',code='INVALID_INPUT'}`]: 1,
    [`ml_server_request_failure_total{${call},code='UNAUTHENTICATED'}`]: 1,
    [`ml_server_request_failure_total{${call},code='NOT_FOUND'}`]: 50,
    [`ml_server_request_duration_seconds_count{${call},model='numbers'}`]: 3,
    [`ml_server_request_duration_seconds_count{${call}}`]: 51,
    "ml_server_request_duration_seconds_count{protocol='open-inference',operation='health'}": 1,
  });
  await runner.close();
});

test('shows what is under way, and lets several services share the registry', async () => {
  const registry = createRegistry();
  const [first, second] = [instrumentCalls(registry), instrumentCalls(registry)];
  const { handle, runner } = await handlerOf({ observers: [first] });
  const other = await handlerOf({ observers: [second] });
  const pending = (): number | undefined =>
    samplesOf(toPrometheusText(registry))["ml_server_pending_requests{protocol='open-inference',operation='infer'}"];
  const answers = [handle(infer()), other.handle(infer())];
  expect(pending()).toBe(2);
  await Promise.all(answers);
  expect(pending()).toBeUndefined();
  await runner.close();
  await other.runner.close();
});

test('shows a call that its client traces as an example of its bucket', async () => {
  const registry = createRegistry();
  const { handle, runner } = await handlerOf({ observers: [instrumentCalls(registry)] });
  const traceparent = (digit: string, flags: string) => ({
    traceparent: `00-${digit.repeat(32)}-${'b'.repeat(16)}-${flags}`,
  });
  await handle(infer(traceparent('a', '01')));
  await handle(infer(traceparent('c', '00')));
  await handle(infer({ traceparent: 'x' }));
  const exemplars = toOpenMetrics(registry)
    .split('\n')
    .filter((line) => line.includes(' # '));
  expect(exemplars.map((line) => line.replace(/^.* # (\{.*\}) .*$/, '$1'))).toEqual([`{trace_id="${'a'.repeat(32)}"}`]);
  await runner.close();
});

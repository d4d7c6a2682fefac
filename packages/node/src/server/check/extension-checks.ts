import type { CheckContext } from './context';
import { outputsOf, sampleInputs, speaksJson } from './infer-checks';
import { type Answer, describe, isObject } from './probe';
import type { Verdict } from './report';
import { countOf } from './tensors';

/** Those of Triton's extensions that can be looked at without changing anything, of servers that say they have them. */
export async function checkExtensions(context: CheckContext): Promise<void> {
  const { probe, path, recorder, model, extensions, inputs, outputs } = context;
  const check = (extension: string, name: string, expected: string, look: () => Promise<Verdict>): Promise<void> =>
    recorder.check('extensions', name, expected, async () =>
      extensions.includes(extension) ? look() : { skip: `the server does not name ${extension} among its extensions` },
    );
  const infer = (more: object = {}): Promise<Answer> =>
    probe.post(`${path}/infer`, JSON.stringify({ inputs: sampleInputs(context), ...more }));

  await check(
    'model_configuration',
    'the configuration',
    '{name, max_batch_size, input, output} with dims',
    async () => {
      const answer = await probe.get(`${path}/config`);
      const { json } = answer;
      if (answer.status !== 200 || !isObject(json)) return describe(answer);
      if (json.name !== model) return `the name ${JSON.stringify(json.name)}`;
      if (!Number.isInteger(json.max_batch_size)) return `the max_batch_size ${JSON.stringify(json.max_batch_size)}`;
      const isBatched = (json.max_batch_size as number) > 0;
      for (const [field, tensors] of [
        ['input', inputs],
        ['output', outputs],
      ] as const) {
        for (const { name, shape } of tensors) {
          const found = Array.isArray(json[field])
            ? json[field].find((each) => isObject(each) && each.name === name)
            : undefined;
          const dims = isObject(found) ? found.dims : undefined;
          const expected = isBatched ? shape.slice(1) : shape;
          if (JSON.stringify(dims) !== JSON.stringify(expected)) return `dims ${JSON.stringify(dims)} of "${name}"`;
        }
      }
      return true;
    },
  );
  await check('statistics', 'the statistics', 'one success and one row more after a request', async () => {
    const json = speaksJson(context);
    if (json !== true) return json;
    const before = await countsOf(context);
    if (typeof before === 'string') return before;
    const answer = await infer();
    if (answer.status !== 200) return describe(answer);
    const after = await countsOf(context);
    if (typeof after === 'string') return after;
    const [successes, rows] = [after.successes - before.successes, after.rows - before.rows];
    // Others may ask too.
    return (successes >= 1 && rows >= 1) || `${successes} successes and ${rows} rows more`;
  });
  await check('model_repository', 'the index', 'a list of {name, version, state} with this model READY', async () => {
    const answer = await probe.post('/v2/repository/index', '{}');
    const entries = Array.isArray(answer.json) ? answer.json.filter(isObject) : [];
    return entries.some(({ name, state }) => name === model && state === 'READY') || describe(answer);
  });
  await check('classification', 'the greatest element', 'a BYTES tensor of "value:index"', async () => {
    const json = speaksJson(context);
    if (json !== true) return json;
    const numbers = outputs.find(({ datatype }) => /^(FP|U?INT)/.test(datatype));
    if (numbers === undefined) return { skip: 'no output is of numbers' };
    const plain = outputsOf(await infer({ outputs: [{ name: numbers.name }] }), model);
    const wish = { name: numbers.name, parameters: { classification: 1 } };
    const found = outputsOf(await infer({ outputs: [wish] }), model);
    if (typeof plain === 'string') return plain;
    if (typeof found === 'string') return found;
    return isGreatest(found[0], plain[0]);
  });
}

interface Counts {
  readonly successes: number;
  readonly rows: number;
}

async function countsOf({ probe, path }: CheckContext): Promise<Counts | string> {
  const answer = await probe.get(`${path}/stats`);
  const stats = isObject(answer.json) && Array.isArray(answer.json.model_stats) ? answer.json.model_stats : [];
  if (answer.status !== 200 || stats.length === 0) return describe(answer);
  let [successes, rows] = [0, 0];
  for (const each of stats as readonly Record<string, unknown>[]) {
    const inference = isObject(each.inference_stats) ? each.inference_stats : {};
    const success = isObject(inference.success) ? inference.success.count : undefined;
    if (!Number.isInteger(success) || !Number.isInteger(each.inference_count)) return describe(answer);
    successes += success as number;
    rows += each.inference_count as number;
  }
  return { successes, rows };
}

function isGreatest(found: unknown, plain: unknown): Verdict {
  const data = isObject(found) && Array.isArray(found.data) ? found.data : [];
  const text = String(data[0]);
  const [, index] = /^[^:]+:(\d+)(:.*)?$/.exec(text) ?? [];
  if (!isObject(found) || found.datatype !== 'BYTES' || index === undefined) return JSON.stringify(found).slice(0, 120);
  const values = isObject(plain) && Array.isArray(plain.data) ? plain.data.flat(Number.POSITIVE_INFINITY) : [];
  const sizes = isObject(plain) && Array.isArray(plain.shape) ? (plain.shape as number[]) : [];
  // The request has one row, so the index counts within the whole output either way.
  const value = values[Number(index)];
  const isRight = values.length === countOf(sizes) && values.every((each) => !(Number(each) > Number(value)));
  return isRight || `${text}, which is not the greatest`;
}

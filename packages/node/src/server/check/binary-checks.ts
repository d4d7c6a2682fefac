import type { CheckContext } from './context';
import { outputsOf, sampleInputs } from './infer-checks';
import { type Answer, isObject, refusalOf } from './probe';
import type { Verdict } from './report';
import { countOf, elementBytes, headFits, toBytes } from './tensors';

const header = 'inference-header-content-length';

/** Triton's binary tensor data extension, of servers that say they have it. */
export async function checkBinary(context: CheckContext): Promise<void> {
  const { probe, path, recorder, outputs, model, extensions } = context;
  const offers = extensions.includes('binary_tensor_data');
  const check = (name: string, expected: string, look: () => Promise<Verdict>): Promise<void> =>
    recorder.check('binary', name, expected, async () =>
      offers ? look() : { skip: 'the server does not name binary_tensor_data among its extensions' },
    );
  const samples = sampleInputs(context);
  const parts = samples.map(toBytes);
  const tensors = samples.map(({ name, datatype, shape }, index) => ({
    name,
    datatype,
    shape,
    parameters: { binary_data_size: parts[index]?.byteLength },
  }));
  const post = (json: object, bytes: readonly Uint8Array[], length?: number | string): Promise<Answer> => {
    const head = Buffer.from(JSON.stringify(json));
    const headers = { [header]: String(length ?? head.length), 'content-type': 'application/octet-stream' };
    return probe.post(`${path}/infer`, Buffer.concat([head, ...bytes]), headers);
  };
  const all = { inputs: tensors, parameters: { binary_data_output: true } };

  await check('bytes in and out', `200 with ${header}, and so many bytes as the outputs say`, async () =>
    bytesFit(context, await post(all, parts)),
  );
  await check('bytes in, JSON out', '200 with the data in JSON', async () => {
    const named = outputs.map(({ name }) => ({ name, parameters: { binary_data: false } }));
    const found = outputsOf(await post({ inputs: tensors, outputs: named }, parts), model);
    if (typeof found === 'string') return found;
    return found.every((each) => isObject(each) && Array.isArray(each.data)) || 'an output without "data"';
  });
  await check('one output as bytes by its own wish', 'its size in binary_data_size, no data', async () => {
    const wish = { name: outputs[0]?.name, parameters: { binary_data: true } };
    const answer = await post({ inputs: tensors, outputs: [wish] }, parts);
    return bytesFit({ ...context, outputs: outputs.slice(0, 1) }, answer);
  });
  const refused = (name: string, json: object, bytes: readonly Uint8Array[], length?: number | string) =>
    check(name, '4xx with {"error": string}', async () => refusalOf(await post(json, bytes, length)));
  const sized = (change: number) => ({
    ...all,
    inputs: tensors.map((tensor, index) => {
      const size = (parts[index]?.byteLength ?? 0) + (index === 0 ? change : 0);
      return { ...tensor, parameters: { binary_data_size: size } };
    }),
  });
  await refused('a header that says more JSON than there is', all, parts, 10_000_000);
  await refused('a header that is no number', all, parts, 'many');
  await refused('a size past the end of the body', sized(1_000_000), parts);
  await refused('a size that does not fit the shape', sized(-1), parts);
  await refused('a negative size', sized(-1_000_000_000), parts);
  await refused('bytes that belong to no tensor', all, [...parts, new Uint8Array(3)]);
  await refused(
    'a shape that multiplies past 2^53',
    {
      ...all,
      inputs: tensors.map((tensor, index) => (index === 0 ? { ...tensor, shape: [2 ** 40, 2 ** 40] } : tensor)),
    },
    parts,
  );
}

/** What is wrong with an answer of bytes. */
function bytesFit({ outputs, model }: CheckContext, answer: Answer): Verdict {
  const length = answer.headers.get(header);
  if (answer.status !== 200) return outputsOf(answer, model) as string;
  if (length === null || !/^\d+$/.test(length) || Number(length) > answer.bytes.length)
    return `${header}: ${length ?? 'nothing'}`;
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(answer.bytes.subarray(0, Number(length))));
  } catch {
    return 'no JSON in front of the bytes';
  }
  const found = outputsOf({ ...answer, json }, model);
  if (typeof found === 'string') return found;
  let left = answer.bytes.length - Number(length);
  for (const output of outputs) {
    const tensor = found.find((each) => isObject(each) && each.name === output.name);
    if (!isObject(tensor)) return `no output "${output.name}"`;
    const head = headFits(tensor, output);
    if (head !== true) return head;
    const size = isObject(tensor.parameters) ? tensor.parameters.binary_data_size : undefined;
    const expected = countOf(tensor.shape as number[]) * (elementBytes[output.datatype] ?? 0);
    const isRight = Number.isInteger(size) && (output.datatype === 'BYTES' || size === expected);
    if (!isRight || 'data' in tensor) return `output "${output.name}" with ${JSON.stringify(tensor.parameters)}`;
    left -= size as number;
  }
  return left === 0 || `${left} bytes too many`;
}

import type { CheckContext } from './context';
import { type Answer, describe, isObject } from './probe';
import type { Verdict } from './report';
import { fits, isBinaryOnly, nested, sampleOf, type WireTensor } from './tensors';

/** The inputs of a request that fits the model. */
export function sampleInputs({ inputs }: CheckContext, rows = 1): readonly WireTensor[] {
  return inputs.map((input) => sampleOf(input, rows));
}

/** Whether the model can be asked in JSON. */
export function speaksJson({ inputs, outputs }: CheckContext): true | { readonly skip: string } {
  const only = [...inputs, ...outputs].find(({ datatype }) => isBinaryOnly(datatype));
  return only === undefined || { skip: `"${only.name}" is of ${only.datatype}, which travels as bytes` };
}

/** Infer in JSON. */
export async function checkInfer(context: CheckContext): Promise<void> {
  const { probe, path, model, versions, inputs, outputs, recorder } = context;
  const post = (body: object, at = path): Promise<Answer> => probe.post(`${at}/infer`, JSON.stringify(body));
  const check = (name: string, expected: string, look: () => Promise<Verdict>): Promise<void> =>
    recorder.check('infer', name, expected, async () => {
      const json = speaksJson(context);
      return json === true ? look() : json;
    });
  const sample = sampleInputs(context);
  let first: readonly unknown[] | undefined;

  await check('JSON, data flat', '200 with {model_name, outputs}, each as the metadata says', async () => {
    const answer = await post({ inputs: sample });
    const found = outputsOf(answer, model);
    if (typeof found === 'string') return found;
    for (const output of outputs) {
      const verdict = fits(
        found.find((each) => isObject(each) && each.name === output.name),
        output,
      );
      if (verdict !== true) return verdict;
    }
    if (found.length !== outputs.length) return `${found.length} outputs`;
    first = found;
    return answer.headers.get('content-type')?.startsWith('application/json') === true || 'another content-type';
  });
  await check('JSON, data nested like the shape', 'the same answer', async () => {
    const found = outputsOf(await post({ inputs: sample.map(nest) }), model);
    return typeof found === 'string' ? found : same(found, first);
  });
  await check('an id', 'the same id in the answer', async () => {
    const { json } = await post({ id: 'check-1', inputs: sample });
    return (isObject(json) && json.id === 'check-1') || `the id ${JSON.stringify(isObject(json) ? json.id : json)}`;
  });
  await check('one output of several', 'this one alone', async () => {
    const wanted = outputs.at(-1)?.name;
    const found = outputsOf(await post({ inputs: sample, outputs: [{ name: wanted }] }), model);
    if (typeof found === 'string') return found;
    const names = found.map((each) => (isObject(each) ? each.name : each));
    return (names.length === 1 && names[0] === wanted) || `the outputs ${JSON.stringify(names)}`;
  });
  await check('parameters that mean nothing to it', '200', async () => {
    const answer = await post({ inputs: sample, parameters: { 'check-server': 1, more: 'text', flag: true } });
    return answer.status === 200 || describe(answer);
  });
  await check('a version of its own', 'the answer, with this model_version', async () => {
    const version = versions.at(-1);
    if (version === undefined) return { skip: 'the model has no versions' };
    const answer = await post({ inputs: sample }, `${path}/versions/${encodeURIComponent(version)}`);
    const found = outputsOf(answer, model);
    if (typeof found === 'string') return found;
    const given = isObject(answer.json) ? answer.json.model_version : undefined;
    return given === version || `the model_version ${JSON.stringify(given)}`;
  });
  await check('two rows', 'outputs of two rows', async () => {
    if ([...inputs, ...outputs].some(({ shape }) => shape[0] !== -1)) return { skip: 'the first axis is not open' };
    const found = outputsOf(await post({ inputs: sampleInputs(context, 2) }), model);
    if (typeof found === 'string') return found;
    const wrong = found.find((each) => !isObject(each) || !Array.isArray(each.shape) || each.shape[0] !== 2);
    return wrong === undefined || `an output of shape ${JSON.stringify(isObject(wrong) ? wrong.shape : wrong)}`;
  });
}

/** The outputs of an answer, or what is wrong with it. */
export function outputsOf(answer: Answer, model: string): readonly unknown[] | string {
  const { status, json } = answer;
  if (status !== 200 || !isObject(json)) return describe(answer);
  if (json.model_name !== model) return `the model_name ${JSON.stringify(json.model_name)}`;
  return Array.isArray(json.outputs) ? json.outputs : describe(answer);
}

function nest(tensor: WireTensor): object {
  return { ...tensor, data: nested(tensor.data, tensor.shape) };
}

/** Twice the same request may be computed by other kernels, so elements may differ by a rounding. */
function same(found: readonly unknown[], first: readonly unknown[] | undefined): Verdict {
  if (first === undefined) return { skip: 'there is no answer to compare with' };
  const numbers = (outputs: readonly unknown[]): unknown[] =>
    outputs.flatMap((each) =>
      isObject(each) && Array.isArray(each.data) ? each.data.flat(Number.POSITIVE_INFINITY) : [],
    );
  const [left, right] = [numbers(found), numbers(first)];
  const differs = left.length !== right.length || left.some((value, index) => !isNear(value, right[index]));
  return differs ? 'another answer' : true;
}

function isNear(left: unknown, right: unknown): boolean {
  if (typeof left !== 'number' || typeof right !== 'number') return left === right;
  return Math.abs(left - right) <= 1e-4 * Math.max(1, Math.abs(left), Math.abs(right));
}

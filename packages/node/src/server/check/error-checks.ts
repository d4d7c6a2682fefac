import type { CheckContext } from './context';
import { sampleInputs, speaksJson } from './infer-checks';
import { refusalOf } from './probe';
import type { Verdict } from './report';

/** Requests that have to be refused, each by a 4xx with `{"error": string}` and without a stack trace. */
export async function checkErrors(context: CheckContext): Promise<void> {
  const { probe, path, recorder } = context;
  const [first, ...rest] = sampleInputs(context);
  if (first === undefined) return;
  const withFirst = (change: object) => ({ inputs: [{ ...first, ...change }, ...rest] });
  const check = (name: string, look: () => Promise<Verdict>): Promise<void> =>
    recorder.check('errors', name, '4xx with {"error": string}, no stack trace', look);
  const refused = (name: string, body: unknown, at = path): Promise<void> =>
    check(name, async () => {
      const json = speaksJson(context);
      if (json !== true) return json;
      return refusalOf(await probe.post(`${at}/infer`, typeof body === 'string' ? body : JSON.stringify(body)));
    });

  const good = { inputs: [first, ...rest] };
  await refused('text that is no JSON', '{"inputs": [');
  await refused('an empty body', '');
  await refused('an array', []);
  await refused('no inputs', {});
  await refused('inputs that are none', { inputs: 7 });
  await refused('an input that is missing', { inputs: rest });
  await refused('an unknown input', withFirst({ name: 'there-is-no-such-input' }));
  await refused('a datatype that the protocol lacks', withFirst({ datatype: 'FLOAT' }));
  await refused(
    "a datatype that is not the model's",
    withFirst({ datatype: first.datatype === 'BYTES' ? 'FP32' : 'BYTES' }),
  );
  await refused('one element too few', withFirst({ data: first.data.slice(1) }));
  await refused('one element too many', withFirst({ data: [...first.data, ...first.data.slice(0, 1)] }));
  await refused('a negative size', withFirst({ shape: first.shape.map(() => -1) }));
  await refused('an axis too many', withFirst({ shape: [...first.shape, 1] }));
  await refused('a shape that multiplies past 2^53', withFirst({ shape: [2 ** 40, 2 ** 40] }));
  await refused('a shape that is no array', withFirst({ shape: '1' }));
  await refused('no data', withFirst({ data: undefined }));
  if (first.datatype !== 'BYTES') await refused('text for numbers', withFirst({ data: first.data.map(() => 'x') }));
  await refused('an unknown output', { ...good, outputs: [{ name: 'there-is-no-such-output' }] });
  await refused('a model that is none', good, '/v2/models/there-is-no-such-model');
  if (context.versions.length > 0) await refused('a version that is none', good, `${path}/versions/987654321`);
  await refused('a name that climbs', good, '/v2/models/..%2F..%2F..%2Fetc%2Fpasswd');
  await recorder.check('errors', 'the server after all that', 'live and ready', async () => {
    const live = await probe.get('/v2/health/live');
    const ready = await probe.get(`${path}/ready`);
    return (live.status === 200 && ready.status === 200) || `live ${live.status}, ready ${ready.status}`;
  });
}

import { describe, isObject, type Probe, refusalOf } from './probe';
import type { Recorder } from './report';
import { readTensors, type TensorMetadata } from './tensors';

/** What a model's metadata says. */
export interface DescribedModel {
  readonly versions: readonly string[];
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** Metadata and readiness of a model; undefined when its tensors cannot be read. */
export async function checkModel(
  probe: Probe,
  { check }: Recorder,
  model: string,
  path: string,
): Promise<DescribedModel | undefined> {
  let described: DescribedModel | undefined;
  await check('model', 'its metadata', '200 with {name, versions, platform, inputs, outputs}', async () => {
    const answer = await probe.get(path);
    const { status, json } = answer;
    if (status !== 200 || !isObject(json)) return describe(answer);
    if (json.name !== model) return `the name ${JSON.stringify(json.name)}`;
    if (typeof json.platform !== 'string') return `the platform ${JSON.stringify(json.platform)}`;
    const versions = json.versions ?? [];
    if (!Array.isArray(versions) || versions.some((version) => typeof version !== 'string'))
      return `the versions ${JSON.stringify(versions)}`;
    const inputs = readTensors(json.inputs, 'inputs');
    const outputs = readTensors(json.outputs, 'outputs');
    if (typeof inputs === 'string') return inputs;
    if (typeof outputs === 'string') return outputs;
    described = { versions, inputs, outputs };
    return true;
  });
  await check('model', 'its readiness', '200', async () => {
    const answer = await probe.get(`${path}/ready`);
    return answer.status === 200 || describe(answer);
  });
  await check('model', 'each version that it names', '200 for metadata and readiness', async () => {
    const versions = described?.versions ?? [];
    if (versions.length === 0) return { skip: 'the model has no versions' };
    for (const version of versions) {
      for (const part of ['', '/ready']) {
        const answer = await probe.get(`${path}/versions/${encodeURIComponent(version)}${part}`);
        if (answer.status !== 200) return `version ${version}${part}: ${describe(answer)}`;
      }
    }
    return true;
  });
  const refused = '4xx with {"error": string}';
  await check('model', 'metadata of a model that is none', refused, async () =>
    refusalOf(await probe.get('/v2/models/there-is-no-such-model')),
  );
  await check('model', 'metadata of a version that is none', refused, async () => {
    if ((described?.versions ?? []).length === 0) return { skip: 'the model has no versions' };
    return refusalOf(await probe.get(`${path}/versions/987654321`));
  });
  await check('model', 'readiness of a model that is none', 'any status but 200', async () => {
    const answer = await probe.get('/v2/models/there-is-no-such-model/ready');
    return answer.status !== 200 || describe(answer);
  });
  return described;
}

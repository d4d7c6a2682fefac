import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { fitReference, serializeReference } from '@fairlead/core/monitoring';
import type { ModelVersion, Tracker } from '@fairlead/tracking';
import { type Digits, modelFile, pixelCount, type TrainedModel } from './digits';
import { count, faint, heading, line, percent } from './terminal';

/** The versions of `digits` in the registry: the weaker model and the better one. */
export interface Versions {
  readonly first: ModelVersion;
  readonly better: ModelVersion;
}

/** Step 1: a run for each model, a version of `digits` for each, and the alias `champion` on the weaker one. */
export async function track(tracker: Tracker, models: readonly TrainedModel[], train: Digits): Promise<Versions> {
  heading(1, 'Track');
  const reference = await fitPixels(train);
  const versions: ModelVersion[] = [];
  for (const model of models) {
    const version = await trackModel(tracker, model, reference);
    versions.push(version);
    const facts = `sha256 ${version.digest.slice(0, 12)}…  ${count(version.size)} bytes`;
    line(`digits/${version.version}`, `accuracy ${percent(model.metrics.accuracy ?? Number.NaN)}  ${faint(facts)}`);
  }
  const [first, better] = versions as [ModelVersion, ModelVersion];
  await tracker.registry.setAlias('digits', 'champion', first.version, { actor: 'quickstart', reason: 'first model' });
  line('digits@champion', `→ digits/${first.version}`);
  return { first, better };
}

/** Logs how a model was trained and what it scores, keeps its file, and registers it where its digest is new. */
async function trackModel(tracker: Tracker, model: TrainedModel, reference: Uint8Array): Promise<ModelVersion> {
  const sidecars = {
    reference,
    golden: await readFile(modelFile(model.file.replace('.onnx', '.golden.json'))),
    card: await readFile(modelFile(model.file.replace('.onnx', '.md'))),
  };
  return tracker.withRun({ experiment: 'digits', name: `digits v${model.version}` }, async (run) => {
    run.logParams(Object.fromEntries(Object.entries(model.params).map(([key, value]) => [key, String(value)])));
    for (const [step, loss] of (model.history?.loss ?? []).entries()) run.log({ loss }, { step });
    run.log(model.metrics);
    const { digest } = await run.logArtifact(`model/${model.file}`, fileURLToPath(modelFile(model.file)));
    const known = (await tracker.registry.models()).find(({ name }) => name === model.name);
    const registered = known?.versions.find((version) => version.digest === digest);
    const draft = { artifact: digest, run: run.id, metrics: model.metrics, sidecars };
    return registered ?? tracker.registry.registerVersion(model.name, draft);
  });
}

/** What the training rows look like, pixel by pixel: what a drift monitor compares with. It travels with the model. */
async function fitPixels(train: Digits): Promise<Uint8Array> {
  const features = Array.from({ length: pixelCount }, (_, pixel) => `p${pixel}`);
  return serializeReference(await fitReference(train.rows, { inputs: ['pixels'], featureNames: features }));
}

import type { Run, Tracker } from '../../packages/tracking/src/index';

/** A sequence of numbers from 0 to 1 that is the same every time. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A confusion matrix as a picture: ten by ten squares, dark on the diagonal. */
function confusionImage(): { width: number; height: number; data: Uint8Array } {
  const [cell, count] = [24, 10];
  const side = cell * count;
  const data = new Uint8Array(side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [row, column] = [Math.floor(y / cell), Math.floor(x / cell)];
      data[y * side + x] = row === column ? 40 : 245 - ((row * 7 + column * 13) % 60);
    }
  }
  return { width: side, height: side, data };
}

/** A figure that tries to run a script, as one that somebody else made may do. */
export const figureSvg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 60" onload="alert('svg')"><script>alert('svg')</script>
<rect width="120" height="60" fill="#fff"/><polyline points="5,50 25,40 45,32 65,20 85,16 115,10" fill="none" stroke="#2f6fed" stroke-width="3"/></svg>`;

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A name that would do something, were it taken for markup. */
export const hostileName = '<img src=x onerror="alert(1)">';

/** Logs a training of so many steps. */
export function train(run: Run, { steps, seed, rate }: { steps: number; seed: number; rate: number }): void {
  const random = createRandom(seed);
  for (let step = 0; step < steps; step++) {
    const progress = 1 - Math.exp((-rate * step) / 25);
    const noise = (random() - 0.5) * 0.08;
    run.log(
      {
        'train/loss': 2.2 * (1 - progress) + 0.12 + Math.abs(noise) * 2,
        'val/loss': 2.25 * (1 - progress) + 0.2 + (rate > 2 ? (step / steps) * 0.35 : 0) + Math.abs(noise),
        'val/accuracy': 0.1 + 0.86 * progress - Math.abs(noise) * 0.3,
        learning_rate: 0.01 * rate * 0.5 ** Math.floor(step / 40),
      },
      { step },
    );
  }
}

/** Fills a store with experiments, runs of every kind and a model. Answers the ids of the runs by name. */
export async function fillDemo(tracker: Tracker): Promise<Readonly<Record<string, string>>> {
  const ids: Record<string, string> = {};
  const optimizers = ['sgd', 'adam', 'adamw'];
  for (let i = 0; i < 6; i++) {
    const rate = [0.5, 1, 1.6, 2.4, 0.8, 1.3][i] as number;
    const params = {
      lr: Number((0.001 * rate * 4).toFixed(4)),
      batch_size: [32, 64, 128][i % 3] as number,
      optimizer: optimizers[i % 3] as string,
      dropout: i % 2 === 0 ? 0.1 : 0.3,
      augment: i > 2,
      layers: 4,
    };
    const name = `cnn-${['amber', 'basil', 'cedar', 'dune', 'ember', 'fern'][i]}`;
    await tracker.withRun(
      { experiment: 'digits', name, params, tags: { team: 'vision', dataset: 'digits-v2' } },
      async (run) => {
        ids[name] = run.id;
        train(run, { steps: 120, seed: i + 1, rate });
        if (i < 4) {
          await run.logArtifact('model/digits.onnx', text(`model ${i} `.repeat(2000)));
          await run.logImage('confusion', confusionImage());
          await run.logTable('predictions', [
            { id: 1, label: '7', predicted: '7', score: 0.994 },
            { id: 2, label: '2, or so', predicted: '2', score: 0.981 },
            { id: 3, label: '1', predicted: '7', score: 0.412 },
          ]);
          await run.logFigure('curve', figureSvg);
          await run.logFigure('per-class', {
            tooltip: { formatter: hostileName },
            grid: { left: 40, right: 16, top: 16, bottom: 28 },
            xAxis: { type: 'category', data: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] },
            yAxis: { type: 'value' },
            series: [{ type: 'bar', data: [97, 98, 91, 88, 94, 90, 96, 93, 86, 89] }],
          });
          await run.logText('notes.md', '# Notes\n\nTrained on the second set. <script>alert("note")</script>\n');
          await run.logDataset({
            name: 'digits-train',
            context: 'training',
            source: 'data/train.csv',
            digest: 'a'.repeat(64),
            rows: 60_000,
          });
          await run.logDataset({
            name: 'digits-test',
            context: 'validation',
            source: 'data/test.csv',
            digest: 'b'.repeat(64),
            rows: 10_000,
          });
          await run.logArtifact('config.json', text(JSON.stringify({ ...params, seed: i })));
        }
      },
    );
  }
  const failed = await tracker.startRun({
    experiment: 'digits',
    name: 'cnn-gorse',
    params: { lr: 4, optimizer: 'sgd' },
  });
  ids['cnn-gorse'] = failed.id;
  failed.log({ 'train/loss': 2.3 }, { step: 0 });
  failed.log({ 'train/loss': Number.NaN }, { step: 1 });
  await failed.fail(new Error('The loss is not a number any more.'));
  const hostile = await tracker.startRun({
    experiment: `churn ${hostileName}`,
    name: hostileName,
    params: { note: hostileName },
    tags: { owner: `"><script>alert(2)</script>` },
  });
  ids.hostile = hostile.id;
  for (let step = 0; step < 40; step++) hostile.log({ auc: 0.71 }, { step });
  await hostile.logArtifact(`${hostileName.replace(':', '')}.html`, text('<script>alert(3)</script><h1>page</h1>'));
  await hostile.complete();
  await tracker.withRun({ experiment: 'churn', name: 'gbm-1', params: { depth: 6, trees: 400 } }, (run) => {
    ids['gbm-1'] = run.id;
    for (let step = 0; step < 40; step++) run.log({ auc: 0.6 + 0.25 * (1 - Math.exp(-step / 9)) }, { step });
  });

  const { registry } = tracker;
  for (const [index, name] of ['cnn-amber', 'cnn-basil', 'cnn-cedar'].entries()) {
    const artifact = (await tracker.getRun(ids[name] as string)).artifact('model/digits.onnx').digest as string;
    await registry.registerVersion('digits', {
      artifact,
      run: ids[name] as string,
      metrics: { accuracy: [0.912, 0.954, 0.948][index] as number, latency_ms: [1.9, 2.4, 2.1][index] as number },
      author: 'train.ts',
      description: `From ${name}`,
    });
  }
  await registry.setAlias('digits', 'champion', '1', { actor: 'ada', reason: 'the first that works' });
  await registry.recordDeployment('digits', '1', { target: 'api-eu' }, { actor: 'deploy', reason: 'release 12' });
  await registry.setGates('digits', 'champion', [{ kind: 'metric', metric: 'accuracy', minChange: 0 }], {
    actor: 'ada',
    reason: 'never worse than what we have',
  });
  await registry.setAlias('digits', 'champion', '2', { actor: 'ada', reason: 'four points better' });
  await registry.setAlias('digits', 'challenger', '3', { actor: 'grace', reason: 'smaller, to be tried' });
  await registry.approve('digits', '3', { actor: 'grace', reason: 'looked at the errors' });
  await registry.registerVersion('churn', {
    artifact: text('gbm'),
    run: ids['gbm-1'] as string,
    metrics: { auc: 0.84 },
  });
  return ids;
}

import { fileURLToPath } from 'node:url';
import { createRunner } from '@fairlead/core';
import { createRegistry, instrumentRunner } from '@fairlead/core/metrics';
import { onnx } from '@fairlead/node';
import { openTracker } from '@fairlead/tracking';
import { readDigits, readModels, type TrainedModel } from './digits';
import { watchForDrift } from './drift';
import { serveDigits } from './http';
import { run } from './run';
import { swap } from './swap';
import { count, faint, line, percent, strong } from './terminal';
import { track } from './track';

const staysUp = process.argv.includes('--serve');
const startedAt = performance.now();
const [train, test, models] = await Promise.all([readDigits('train'), readDigits('test'), readModels()]);
console.log(
  `\n${strong('Fairlead')}  handwritten digits: ${count(test.rows.length)} test rows, two models of different skill`,
);

const metrics = createRegistry();
const dir = fileURLToPath(new URL('.fairlead', import.meta.url));
const tracker = await openTracker({ dir });
const versions = await track(tracker, models, train);

const runner = await createRunner({
  model: tracker.registry.model('digits@champion'),
  backend: onnx({ device: 'cpu', threads: 1 }),
});
instrumentRunner(metrics, runner);
await run(runner, models[0] as TrainedModel, test);
const accuracy = await swap(runner, tracker, versions, test);
const monitor = await watchForDrift(runner, metrics, test);
const server = await serveDigits(runner, metrics, test, staysUp ? 8080 : 0);

const seconds = (performance.now() - startedAt) / 1000;
console.log(
  `\n${strong('Done')}  in ${seconds.toFixed(1)} s: digits/${runner.model.version} answers, accuracy ${percent(accuracy)}.`,
);
line('kept in', 'examples/quickstart/.fairlead  (delete it whenever you like)');
if (staysUp) {
  line('serving', `${server.url}  ${faint('Ctrl+C ends it')}`);
  await new Promise<void>((resolve) => process.once('SIGINT', () => resolve()));
}
await server.close();
await monitor.close();
await runner.close();
await tracker.close();

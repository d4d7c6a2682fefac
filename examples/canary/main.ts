import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type RolloutSection, renderReport } from '@fairlead/core/report';
import { canary, createRollout, createShadow, errorsGuardrail, type Strategy, shadow } from '@fairlead/core/rollouts';
import { readDigits } from '../quickstart/digits';
import { alert, count, faint, good, heading, line, percent, strong } from '../quickstart/terminal';
import { failingOnInk, load } from './models';
import { sendUntilDecided } from './traffic';

const test = await readDigits('test');
console.log(
  `\n${strong('Fairlead')}  a new version has to prove itself: ${count(test.rows.length)} digits, again and again`,
);

const steps = canary({
  steps: [
    { weight: 0.05, minRequests: 300 },
    { weight: 0.25, minRequests: 1000 },
    { weight: 0.5, minRequests: 1000 },
  ],
});

heading(1, 'A good version, first in the shadow');
const oldModel = await load('digits-v1.onnx');
const newModel = await load('digits-v2.onnx');
const mirror = createShadow({ champion: oldModel, shadow: newModel });
const goodStory = await story('good', oldModel, newModel, shadow({ mirror, minComparisons: 200, next: steps }), [
  mirror,
]);
const { comparisons, noiseComparisons, timeShare } = mirror.stats();
line(
  'shadow',
  `${count(comparisons)} comparisons, ${noiseComparisons} of the champion with itself, ${percent(timeShare)} of the time`,
);
await mirror.close();

heading(2, 'A broken version');
const brokenStory = await story(
  'broken',
  await load('digits-v1.onnx'),
  failingOnInk(await load('digits-v2.onnx')),
  steps,
);

heading(3, 'A page to look at');
const folder = fileURLToPath(new URL('.fairlead', import.meta.url));
await mkdir(folder, { recursive: true });
await writeFile(
  `${folder}/report.html`,
  await renderReport({ rollouts: [goodStory, brokenStory] }, { title: 'Two new versions of the digits' }),
);
line('report', 'examples/canary/.fairlead/report.html');

/** Rolls a version out under traffic, prints what happens when, and answers where it stood in the end. */
async function story(
  name: string,
  champion: Parameters<typeof createRollout>[0]['champion'],
  version: Parameters<typeof createRollout>[0]['champion'],
  strategy: Strategy,
  observers: NonNullable<Parameters<typeof createRollout>[0]['observers']> = [],
): Promise<RolloutSection> {
  const startedAt = performance.now();
  const rollout = await createRollout({
    name,
    champion,
    challengers: { canary: version },
    strategy,
    observers,
    guardrails: [errorsGuardrail({ margin: 0.01 })],
    maxFalseRollbackRate: 0.01,
    lookEveryMs: 50,
    on: {
      'rollout-change'({ to, weights, reason }) {
        const at = `${((performance.now() - startedAt) / 1000).toFixed(2)} s`;
        const status = to === 'promoted' ? good(to) : to === 'rolled-back' ? alert(to) : to;
        line(at, `${status}, canary ${percent(weights.canary ?? 0)}  ${faint(reason)}`);
      },
    },
  });
  const { requests, failures, accuracy, savedByChampion } = await sendUntilDecided(rollout, test);
  const shares = [...accuracy].map(([arm, share]) => `${arm} ${percent(share)}`).join(', ');
  line('requests', `${count(requests)}, ${count(failures)} failed`);
  line('right answers', shares);
  if (savedByChampion > 0) line('saved', `${count(savedByChampion)} answers by the champion where the canary failed`);
  line('serves now', rollout.model.digest === champion.model.digest ? 'the old version' : 'the new version');
  const stood = { ...rollout.describe(), stats: rollout.rolloutStats() };
  await rollout.close();
  return stood;
}

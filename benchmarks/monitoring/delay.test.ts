import { describe, expect, it } from 'vitest';
import { type Contestant, families, limitOf } from './contestants';
import { detectionRows, horizonRows, measureDetection, quietRows } from './detection';
import { calibrate, countFalseAlarms } from './false-alarms';
import { fillNormals } from './normals';
import { drawReference, drawStreams, referenceRows, type Scenario, scenarios } from './scenarios';
import { createTrial } from './trial';

const [bernoulli, , , sigma] = scenarios as readonly [Scenario, Scenario, Scenario, Scenario];

/** Alarms at every so many observations, whatever they are. */
const metronome: Contestant = {
  parameters: 'counts',
  firstThreshold: () => 3,
  create(_law, threshold) {
    let count = 0;
    return {
      update() {
        count++;
        if (count < threshold) return false;
        count = 0;
        return true;
      },
    };
  },
};

/** Alarms at a value above a threshold. */
const single: Contestant = {
  parameters: 'one value',
  firstThreshold: () => 1,
  create: (_law, threshold) => ({ update: (value) => value > threshold }),
};

describe('fillNormals', () => {
  it('follows from its seed, and has the moments of the standard normal law', () => {
    const normals = fillNormals(new Float32Array(200_001), 7);
    expect(fillNormals(new Float32Array(200_001), 7)).toEqual(normals);
    expect(fillNormals(new Float32Array(10), 8)).not.toEqual(normals.slice(0, 10));
    const mean = (power: number) => normals.reduce((sum, x) => sum + x ** power, 0) / normals.length;
    expect(Math.abs(mean(1))).toBeLessThan(0.01);
    expect(Math.abs(mean(2) - 1)).toBeLessThan(0.02);
    expect(Math.abs(mean(3))).toBeLessThan(0.04);
    expect(Math.abs(mean(4) - 3)).toBeLessThan(0.1);
    expect(normals.filter((x) => x > 1.959964).length / normals.length).toBeCloseTo(0.025, 2);
  });
});

describe('a scenario', () => {
  it.each(scenarios)('$name has the mean, the deviation and the likelihoods that it says', (scenario) => {
    const { law, changed, logLikelihoodRatio } = scenario;
    const normals = fillNormals(new Float32Array(200_000), 5);
    const quiet = Array.from(normals, law.quiet);
    const mean = quiet.reduce((sum, x) => sum + x, 0) / quiet.length;
    const variance = quiet.reduce((sum, x) => sum + (x - mean) ** 2, 0) / quiet.length;
    expect(Math.abs(mean - law.mean)).toBeLessThan(0.01);
    expect(Math.abs(Math.sqrt(variance) - law.deviation)).toBeLessThan(0.01);
    // The likelihood ratio has the mean 1 before the change, and its inverse after it.
    const average = (values: readonly number[], sign: 1 | -1) =>
      values.reduce((sum, x) => sum + Math.exp(sign * logLikelihoodRatio(x)), 0) / values.length;
    expect(Math.abs(average(quiet, 1) - 1)).toBeLessThan(0.02);
    expect(Math.abs(average(Array.from(normals, changed), -1) - 1)).toBeLessThan(0.02);
  });

  it('gives every stream a reference of its own', () => {
    const streams = drawStreams(2, 10, 3);
    const references = [0, 1].map((stream) => drawReference(bernoulli.law, streams.seedOf(stream)));
    expect(references[0]).toHaveLength(referenceRows);
    expect(references[0]).not.toEqual(references[1]);
    expect(references[0]).toEqual(drawReference(bernoulli.law, streams.seedOf(0)));
  });
});

describe('calibrate', () => {
  it('finds a threshold whose alarms are as far apart as was asked', () => {
    const streams = drawStreams(10, 20_000, 1);
    const options = { law: sigma.law, streams, meanTime: 200, tolerance: 0.03 };
    const exact = calibrate({ ...options, contestant: metronome });
    expect(Math.abs((exact?.threshold ?? 0) / 200 - 1)).toBeLessThan(0.035);
    // One value of 200 lies beyond 2.576.
    const found = calibrate({ ...options, contestant: single });
    expect(found?.threshold).toBeCloseTo(2.576, 1);
    expect(Math.abs((found?.falseAlarms.meanTime ?? 0) / 200 - 1)).toBeLessThanOrEqual(0.03);
    expect(found?.falseAlarms.from).toBeLessThan(200);
    expect(found?.falseAlarms.to).toBeGreaterThan(200);
  });

  it('says so where no threshold does', () => {
    const silent: Contestant = { ...metronome, create: () => ({ update: () => false }) };
    const streams = drawStreams(2, 1000, 1);
    const options = { contestant: silent, law: sigma.law, streams, meanTime: 100, tolerance: 0.1 };
    expect(calibrate(options)).toBeUndefined();
    expect(countFalseAlarms(options, 1)).toMatchObject({ alarms: 0, meanTime: Number.POSITIVE_INFINITY });
  });
});

describe('measureDetection', () => {
  const streams = drawStreams(20, detectionRows, 2);

  it('counts from the first changed value to the alarm, both included, and a miss as the horizon', () => {
    // Quiet values are below 6 σ, changed ones above it: seen at once.
    const far: Scenario = { ...sigma, changed: (normal) => normal + 100 };
    expect(measureDetection(single, far, 20, streams)).toEqual({
      meanDelay: 1,
      standardError: 0,
      meanSeen: 1,
      misses: 0,
    });
    expect(measureDetection(single, sigma, 1000, streams)).toMatchObject({ meanDelay: horizonRows, misses: 20 });
  });

  it('lets the change come after the quiet rows, at another place in each stream', () => {
    const places: number[] = [];
    const spy: Contestant = {
      ...single,
      create: () => {
        let seen = 0;
        return {
          update: (value) => {
            if (value > 50) places.push(seen);
            seen++;
            return value > 50;
          },
        };
      },
    };
    measureDetection(spy, { ...sigma, changed: () => 100 }, 1, streams);
    expect(new Set(places).size).toBe(20);
    expect(Math.min(...places)).toBe(quietRows);
    expect(Math.max(...places)).toBeLessThan(2 * quietRows);
  });
});

describe('a trial', () => {
  it('brings every family to the same time, none of them faster than the limit', () => {
    const trial = createTrial({
      quiet: drawStreams(10, 20_000, 1),
      changing: drawStreams(50, detectionRows, 2),
      meanTime: 2000,
      tolerance: 0.15,
    });
    const limit = trial.measure(limitOf(bernoulli), bernoulli);
    expect(limit?.detection.misses).toBe(0);
    for (const { name, grid } of families) {
      const contestant = (grid[2] ?? grid[0]) as Contestant;
      const outcome = trial.measure(contestant, bernoulli);
      expect(Math.abs((outcome?.calibration.falseAlarms.meanTime ?? 0) / 2000 - 1), name).toBeLessThanOrEqual(0.15);
      expect(outcome?.detection.meanDelay, name).toBeGreaterThan(limit?.detection.meanDelay ?? 0);
      expect(trial.measure(contestant, bernoulli)).toBe(outcome);
    }
  });
});

import { describe, expect, test } from 'vitest';
import type { Diagnosis } from './diagnose';
import { renderReport } from './report';

const diagnosis: Diagnosis = {
  fairlead: '1.2.3',
  node: '20.19.0',
  platform: 'linux-x64',
  cores: { count: 1, affinity: 8, quota: 2.5, sharers: 2 },
  onnxruntime: '1.30.0',
  devices: {
    cpu: { works: true, ms: 25.4 },
    cuda: {
      works: false,
      reason: 'the library libonnxruntime_providers_shared.so is missing',
      advice: "download onnxruntime-node's CUDA libraries",
      command: 'npm rebuild onnxruntime-node --ignore-scripts=false',
    },
    webgpu: {
      works: false,
      reason: 'there is no graphics card here',
      advice: 'nothing to run; a container gets one by `docker run --device /dev/dri`',
    },
  },
  workerLanes: { works: true, ms: 140 },
  float16: { works: true, note: 'handed over as bits' },
  tensorflow: { '@tensorflow/tfjs-core': '4.22.0', '@tensorflow/tfjs-converter': '4.22.0' },
};

describe('a report', () => {
  test('is aligned, and ends each device that does not work with what mends it', () => {
    expect(renderReport(diagnosis)).toBe(`Fairlead 1.2.3 on Node 20.19.0, linux-x64

Machine
  · cores             1 for this process (8 by affinity, 2.5 by quota, shared by
                      2 processes)
  ✓ onnxruntime-node  1.30.0

Devices
  ✓ cpu               works: a tiny model opened and ran in 25 ms
  ✗ cuda              the library libonnxruntime_providers_shared.so is missing
                      download onnxruntime-node's CUDA libraries
                      $ npm rebuild onnxruntime-node --ignore-scripts=false
  ✗ webgpu            there is no graphics card here
                      nothing to run; a container gets one by
                      \`docker run --device /dev/dri\`

Besides
  ✓ worker threads    works: a tiny model opened and ran in 140 ms
  ✓ float16           works, handed over as bits
  ✓ TensorFlow.js     tfjs-core 4.22.0, tfjs-converter 4.22.0
`);
  });

  test('says what is not installed', () => {
    const bare: Diagnosis = {
      ...diagnosis,
      onnxruntime: undefined,
      tensorflow: {},
      cores: { count: 2, affinity: 2, quota: undefined, sharers: 1 },
      workerLanes: { works: false, reason: 'not tried' },
    };
    const lines = renderReport(bare).split('\n');
    expect(lines).toContain('  · cores             2 for this process (2 by affinity)');
    expect(lines).toContain('  ✗ onnxruntime-node  not installed');
    expect(lines).toContain('  ✗ worker threads    not tried');
    expect(lines).toContain('  · TensorFlow.js     not installed; only models of TensorFlow.js need it');
  });

  test('keeps lines within 80 columns, and commands whole', () => {
    const reason = Array.from({ length: 40 }, (_, index) => `word${index}`).join(' ');
    const cpu = (command: string): Diagnosis => ({
      ...diagnosis,
      devices: { ...diagnosis.devices, cpu: { works: false, reason, advice: reason, command } },
    });
    const fits = `sudo apt-get install ${'x'.repeat(50)}`;
    const lines = renderReport(cpu(fits)).split('\n');
    expect(lines).toContain(`       $ ${fits}`);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    const long = 'y'.repeat(100);
    expect(renderReport(cpu(long)).split('\n')).toContain(`  $ ${long}`);
  });

  test('has colours only where they are asked for, and the same words', () => {
    const escapes = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
    const coloured = renderReport(diagnosis, { colour: true });
    expect(coloured.match(escapes)?.length).toBeGreaterThan(10);
    expect(coloured.replace(escapes, '')).toBe(renderReport(diagnosis));
    expect(renderReport(diagnosis)).not.toMatch(escapes);
  });
});

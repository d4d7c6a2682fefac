import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { remote } from '@fairlead/core/remote';
import { afterEach, describe, expect, test } from 'vitest';
import { readRows } from './digits';
import { type RunningService, startService } from './start-service.fixture';

const root = fileURLToPath(new URL('../..', import.meta.url));

let service: RunningService | undefined;
afterEach(() => {
  service?.process.kill('SIGKILL');
  service = undefined;
});

describe('the model service', () => {
  test('is ready when it listens, answers, counts, logs and leaves', async () => {
    service = await startService({ ACCESS_LOG_SAMPLE: '1', DRAIN_DELAY_MS: '0' });
    const { url, log } = service;
    expect((await fetch(`${url}/v2/health/ready`)).status).toBe(200);

    const rows = (await readRows('test')).slice(0, 50);
    const digits = await remote({
      url,
      model: 'digits',
      headers: { 'x-request-id': 'order-7', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    });
    const answers = await Promise.all(rows.map((pixels) => digits.run({ pixels })));
    expect(answers).toHaveLength(50);
    const wrong = await fetch(`${url}/v2/models/digits/infer`, { method: 'POST', body: '{}' });
    expect(wrong.status).toBe(400);
    await digits.close();

    const page = await (await fetch(`${url}/metrics`)).text();
    const sample = (start: string): number => {
      const line = page.split('\n').find((each) => each.startsWith(start));
      return Number(line?.slice(line.lastIndexOf(' ')));
    };
    expect(sample('ml_server_request_success_total{protocol="open-inference",operation="infer",model="digits"}')).toBe(
      50,
    );
    expect(page).toMatch(
      /ml_server_request_failure_total\{protocol="open-inference",operation="infer",model="digits",code="\w+"\} 1/,
    );
    expect(sample('ml_prediction_rows_total')).toBe(50);
    expect(page).toContain('ml_drift_state{');
    expect(sample('ml_server_pending_requests{protocol="open-inference",operation="infer"}')).toBe(0);

    service.process.kill('SIGTERM');
    expect(await service.ended).toEqual([0, null]);
    const calls = log.filter(({ msg }) => msg === 'infer digits: OK');
    expect(calls).toHaveLength(50);
    expect(calls[0]).toMatchObject({
      level: 30,
      service: 'digits',
      requestId: 'order-7',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      protocol: 'open-inference',
      operation: 'infer',
      model: 'digits',
      version: expect.any(String),
      code: 'OK',
      rows: 1,
      batchRows: expect.any(Number),
      durationMs: expect.any(Number),
    });
    expect(log.filter(({ level }) => level > 30)).toEqual([]);
    expect(log.at(-1)?.msg).toBe('Left.');
  });

  test('has a dashboard and alert rules that fit its metrics', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-service-'));
    try {
      const script = fileURLToPath(new URL('generate.ts', import.meta.url));
      const env = { ...process.env, TSX_TSCONFIG_PATH: `${root}tsconfig.dist.json` };
      await promisify(execFile)(process.execPath, ['--import', 'tsx', script, folder], { cwd: root, env });
      for (const name of ['dashboard.json', 'alerts.yml', 'alerts.test.yml']) {
        const committed = await readFile(new URL(`generated/${name}`, import.meta.url), 'utf8');
        expect(committed === (await readFile(join(folder, name), 'utf8')), `${name}: run npm run generate`).toBe(true);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

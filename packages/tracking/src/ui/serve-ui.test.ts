import { type IncomingHttpHeaders, request } from 'node:http';
import { createVirtualClock } from '@fairlead/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fromText } from '../embedded/event-codec';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { Tracker } from '../tracker';
import type { ErrorAnswer, HistoryAnswer, RunAnswer, RunsAnswer } from './answers';
import { serveUi, type UiServer } from './serve-ui';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

let tracker: Tracker;
let ui: UiServer;
let token: string;
let run: string;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A request with any headers, `Host` too. */
function ask(
  path: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: ui.port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-fairlead-token': token, ...headers },
    body: JSON.stringify(body),
  });

const errorOf = ({ text }: Answer): ErrorAnswer['error'] => (fromText(text) as ErrorAnswer).error;

beforeEach(async () => {
  tracker = await openTracker({ dir: await temporaryFolder() });
  await tracker.withRun({ experiment: 'digits', name: 'first', params: { lr: 0.1 } }, async (live) => {
    run = live.id;
    for (let step = 0; step < 1000; step++) live.log({ loss: step === 5 ? Number.NaN : 1 / (step + 1) }, { step });
    await live.logArtifact('a/b c.html', bytes('<script>alert(1)</script>'));
    await live.logArtifact('model.onnx', bytes('model'));
    await live.logFigure('plot', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
  });
  for (const accuracy of [0.8, 0.7]) {
    await tracker.registry.registerVersion('digits', { artifact: bytes(`m${accuracy}`), metrics: { accuracy } });
  }
  ui = await serveUi({ tracker });
  token = /fairlead-token" content="([^"]+)"/.exec((await ask('/')).text)?.[1] ?? '';
});

afterEach(async () => {
  await ui.close();
  await tracker.close();
});

describe('who may ask', () => {
  it.each([['evil.example'], ['evil.example:80'], ['127.0.0.1.evil.example'], ['0.0.0.0']])(
    'refuses a request that was sent to the host %j, as one is after DNS rebinding',
    async (host) => {
      const answer = await ask('/api/runs', { headers: { host } });
      expect(answer.status).toBe(403);
      expect(answer.text).not.toContain('first');
    },
  );

  it.each([['localhost'], ['localhost:9000'], ['127.0.0.1:1'], ['[::1]:4711']])('answers the host %s', async (host) => {
    expect((await ask('/api/runs', { headers: { host } })).status).toBe(200);
  });

  it('refuses what another site sends', async () => {
    expect((await ask('/api/runs', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect((await ask('/api/runs', { headers: { origin: 'http://evil.example' } })).status).toBe(403);
    const other = await post(
      '/api/models/digits',
      {
        action: 'promote',
        alias: 'champion',
        version: '1',
        expected: null,
        force: false,
        evidence: { actor: 'a', reason: 'b' },
      },
      { origin: 'http://localhost:1' },
    );
    expect(other.status).toBe(403);
    expect((await tracker.registry.getModel('digits')).aliases).toEqual({});
  });

  it('changes nothing without the token of the page', async () => {
    const order = {
      action: 'promote',
      alias: 'champion',
      version: '1',
      expected: null,
      force: false,
      evidence: { actor: 'a', reason: 'b' },
    };
    for (const wrong of ['', 'x', token.slice(1), `${token}x`]) {
      expect((await post('/api/models/digits', order, { 'x-fairlead-token': wrong })).status).toBe(403);
    }
    expect((await post('/api/models/digits', order, { 'content-type': 'text/plain' })).status).toBe(400);
    expect((await tracker.registry.getModel('digits')).aliases).toEqual({});
    expect((await post('/api/models/digits', order)).status).toBe(200);
    expect((await tracker.registry.getModel('digits')).aliases).toEqual({ champion: '1' });
  });

  it('listens on the loopback alone', async () => {
    await expect(serveUi({ tracker, host: '0.0.0.0' })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('SSH tunnel'),
    });
  });

  it('says that a port is in use', async () => {
    await expect(serveUi({ tracker, port: ui.port })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('It is in use'),
    });
  });

  it.each([
    ['no tracker', {}],
    ['a port that is none', { port: 70_000 }],
    ['an unknown option', { prot: 1 }],
  ])('refuses %s', async (_, wrong) => {
    await expect(
      serveUi({ ...('port' in wrong || 'prot' in wrong ? { tracker } : {}), ...wrong } as never),
    ).rejects.toMatchObject({
      code: 'INVALID_OPTION',
    });
  });
});

describe('what it answers', () => {
  it('is a page that loads nothing from elsewhere and no script of its text', async () => {
    const { headers, text } = await ask('/');
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(text.match(/(?:src|href)="([^"]+)"/g)).toEqual([
      expect.stringContaining('data:image/svg+xml'),
      'href="/main.css"',
      'src="/main.js"',
    ]);
    expect((await ask('/main.js')).headers['content-type']).toContain('text/javascript');
  });

  it.each([
    ['/../package.json'],
    ['/%2e%2e/package.json'],
    ['/main.js/../../index.js'],
    ['/page/main.js'],
    ['/main.js.map'],
  ])('has nothing at %s', async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  it.each([
    ['/api/nothing', 404],
    ['/api/runs/0123', 404],
    ['/api/models/nothing', 404],
    [`/api/runs/%ff`, 400],
    ['/api/runs?limit=0', 400],
    ['/api/runs?order=loss', 400],
    ['/api/runs?pageToken=x', 400],
    ['/api/compare', 400],
    ['/api/models/digits/gates?alias=latest&version=1', 400],
  ])('answers %s with %i', async (path, status) => {
    const answer = await ask(path);
    expect(answer.status).toBe(status);
    expect(errorOf(answer).message).not.toBe('');
  });

  it('is runs that a filter finds, or where the filter is wrong', async () => {
    const { text } = await ask(`/api/runs?filter=${encodeURIComponent('params.lr = "0.1"')}&order=metric:desc:loss`);
    expect((fromText(text) as RunsAnswer).runs.map(({ name }) => name)).toEqual(['first']);
    const wrong = await ask(`/api/runs?filter=${encodeURIComponent('metrics.loss << 3')}`);
    expect(wrong.status).toBe(400);
    expect(errorOf(wrong)).toMatchObject({ code: 'INVALID_ARGUMENT', position: 14 });
  });

  it('is a run with what was logged, and thinned points that keep NaN', async () => {
    const answer = fromText((await ask(`/api/runs/${run}`)).text) as RunAnswer;
    expect(answer).toMatchObject({ run: { name: 'first', status: 'FINISHED', params: { lr: 0.1 } }, damage: [] });
    expect(answer.artifacts.map(({ name }) => name).sort()).toEqual(['a/b c.html', 'model.onnx', 'plot.svg']);
    const [history] = fromText(
      (await ask(`/api/histories?run=${run}&key=loss&key=none&maxPoints=100`)).text,
    ) as HistoryAnswer[];
    expect(history?.values.length).toBeLessThanOrEqual(100);
    expect(history?.values[0]).toBe(1);
    const [whole] = fromText((await ask(`/api/histories?run=${run}&key=loss&maxPoints=2000`)).text) as HistoryAnswer[];
    expect(whole?.values[5]).toBeNaN();
  });

  it('is artifacts that no browser runs', async () => {
    const artifact = (name: string, query = ''): Promise<Answer> =>
      ask(`/api/runs/${run}/artifacts/${encodeURIComponent(name)}${query}`);
    const page = await artifact('a/b c.html');
    expect(page.text).toBe('<script>alert(1)</script>');
    expect(page.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'content-disposition': `inline; filename="b c.html"; filename*=UTF-8''b%20c.html`,
    });
    const figure = await artifact('plot.svg');
    expect(figure.headers['content-type']).toBe('image/svg+xml');
    expect(figure.headers['content-security-policy']).toMatch(/default-src 'none'.*sandbox/);
    expect((await artifact('model.onnx')).headers['content-disposition']).toMatch(/^attachment/);
    expect((await artifact('plot.svg', '?download')).headers['content-disposition']).toMatch(/^attachment/);
    expect((await artifact('../../fairlead.json')).status).toBe(404);
  });

  it('breaks the connection where bytes are not those that were logged', async () => {
    const folder = await temporaryFolder();
    const damaged = await openTracker({ dir: folder });
    let id = '';
    await damaged.withRun({}, async (live) => {
      id = live.id;
      const { digest } = await live.logArtifact('x.txt', bytes('right'));
      const { writeFile } = await import('node:fs/promises');
      const { join } = await import('node:path');
      await writeFile(join(folder, 'artifacts', digest), 'wrong');
    });
    const server = await serveUi({ tracker: damaged });
    try {
      await expect(
        fetch(`${server.url}api/runs/${id}/artifacts/x.txt`).then((response) => response.text()),
      ).rejects.toThrow();
    } finally {
      await server.close();
      await damaged.close();
    }
  });
});

describe('what it changes', () => {
  const evidence = { actor: 'ada', reason: 'better' };

  it('moves aliases past gates only by force, and from where the page saw them', async () => {
    await tracker.registry.setAlias('digits', 'champion', '1', evidence);
    await tracker.registry.setGates(
      'digits',
      'champion',
      [{ kind: 'metric', metric: 'accuracy', minChange: 0 }],
      evidence,
    );
    const order = { action: 'promote', alias: 'champion', version: '2', expected: '1', force: false, evidence };
    const refused = await post('/api/models/digits', order);
    expect(refused.status).toBe(409);
    expect(errorOf(refused)).toMatchObject({ code: 'GATE_REFUSED', gates: [{ passed: false }] });
    expect(errorOf(await post('/api/models/digits', { ...order, expected: '2' })).code).toBe('CONFLICT');
    expect((await post('/api/models/digits', { ...order, force: true })).status).toBe(200);
    expect(
      (await post('/api/models/digits', { action: 'rollback', alias: 'champion', expected: '2', evidence })).status,
    ).toBe(200);
    expect((await tracker.registry.getModel('digits')).aliases).toEqual({ champion: '1' });
    expect(
      (await post('/api/models/digits', { action: 'approve', version: '2', gate: 'safety', approved: true, evidence }))
        .status,
    ).toBe(200);
    expect(
      (await post('/api/models/digits', { action: 'delete-alias', alias: 'champion', expected: '1', evidence })).status,
    ).toBe(200);
    expect((await tracker.registry.audit('digits')).filter(({ type }) => type === 'alias')).toHaveLength(4);
  });

  it.each([
    ['nobody', { action: 'rollback', alias: 'champion', expected: '1', evidence: { actor: ' ', reason: 'x' } }],
    ['no reason', { action: 'rollback', alias: 'champion', expected: '1', evidence: { actor: 'a', reason: '' } }],
    ['no such action', { action: 'erase', evidence }],
    ['another field', { action: 'rollback', alias: 'champion', expected: '1', evidence, extra: 1 }],
    ['no object', 3],
  ])('refuses an order with %s', async (_, order) => {
    expect((await post('/api/models/digits', order)).status).toBe(400);
  });

  it('sets tags of a run, also after its end', async () => {
    const answer = await post(`/api/runs/${run}`, { tags: { team: 'vision' } });
    expect((fromText(answer.text) as RunAnswer).run.tags).toEqual({ team: 'vision' });
    expect((await post(`/api/runs/${run}`, { tags: { team: 3 } })).status).toBe(400);
    expect((await post('/api/runs/nothing', { tags: {} })).status).toBe(404);
  });

  it('refuses bodies that are no JSON or too large, and other methods', async () => {
    const headers = { 'content-type': 'application/json', 'x-fairlead-token': token };
    expect((await ask('/api/models/digits', { method: 'POST', headers, body: '{' })).status).toBe(400);
    expect(
      (await ask('/api/models/digits', { method: 'POST', headers, body: `"${'x'.repeat(300_000)}"` })).status,
    ).toBe(413);
    expect((await ask('/api/models/digits', { method: 'DELETE', headers })).status).toBe(405);
    expect((await post('/api/models', {})).status).toBe(404);
  });
});

describe('what it tells as it happens', () => {
  /** The events of a stream, one at a time. */
  function listen(server: UiServer, path: string) {
    const found: string[] = [];
    const waiting: ((event: string) => void)[] = [];
    const opened = request({ host: '127.0.0.1', port: server.port, path }, (response) => {
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        const events = (rest + part).split('\n\n');
        rest = events.pop() ?? '';
        for (const event of events) {
          const next = waiting.shift();
          if (next === undefined) found.push(event);
          else next(event);
        }
      });
      response.on('end', () => {
        for (const next of waiting) next('end');
      });
    });
    opened.end();
    return {
      next: (): Promise<string> => {
        const event = found.shift();
        return event === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(event);
      },
      waits: () => found.length === 0,
      close: () => opened.destroy(),
    };
  }

  it('is the answer, and the next one when this tracker or another process changed something', async () => {
    const clock = createVirtualClock();
    const server = await serveUi({ tracker, clock });
    const stream = listen(server, '/api/live/models');
    expect(await stream.next()).toMatch(/^event: change\ndata: \{"models":\[\{"name":"digits","versions":2/);
    await tracker.registry.setAlias('digits', 'champion', '1', { actor: 'a', reason: 'b' }); // told at once
    expect(await stream.next()).toContain('"aliases":{"champion":"1"}');
    await clock.advance(10_000);
    expect(stream.waits()).toBe(true); // nothing is sent while nothing changes
    const end = stream.next();
    await server.close();
    expect(await end).toBe('end');
  });

  it('tells what went wrong, once', async () => {
    const clock = createVirtualClock();
    const server = await serveUi({ tracker, clock });
    const stream = listen(server, '/api/live/runs/0123');
    expect(await stream.next()).toMatch(/^event: failure\ndata: .*NOT_FOUND/);
    await clock.advance(5000);
    expect(stream.waits()).toBe(true);
    await server.close();
  });
});

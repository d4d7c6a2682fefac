import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../clock';
import { createVirtualClock } from '../../testing/virtual-clock';
import type { Alert, AlertNotification } from './alert';
import { describeAlert } from './describe-alert';
import type { DeliveryContext } from './sink';
import { bareFeature } from './source';
import type { WebhookSinkOptions } from './webhook-options';
import { verifyWebhook } from './webhook-signature';
import { webhookSink } from './webhook-sink';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

function alertOf(id: string, changes: Partial<Alert> = {}): Alert {
  const wordless = {
    id,
    source: 'inputs',
    kind: 'drift',
    state: 'firing',
    severity: 'critical',
    reason: 'start',
    sequence: 0,
    model: { name: 'digits', version: '2', digest: 'd' },
    evidenceLog10: 7.5,
    alarmLevelLog10: 6,
    features: [bareFeature('age')],
    startedAtMs: 1_700_000_000_000,
    endedAtMs: null,
    ...changes,
  } as const;
  return { ...wordless, ...describeAlert(wordless), ...changes };
}

const notificationOf = (...alerts: Alert[]): AlertNotification => ({ id: 'n-1', group: 'digits', alerts });

function contextOf(changes: Partial<DeliveryContext> = {}): DeliveryContext {
  return {
    signal: new AbortController().signal,
    closing: new AbortController().signal,
    clock: systemClock,
    logger: silent,
    repeatMs: undefined,
    evidenceOf: () => ({ report: undefined, reference: undefined }),
    ...changes,
  };
}

/** A scripted fetch on the virtual clock: each answer is a status, headers beside it, or an error. */
function scripted(answers: readonly (number | [number, Record<string, string>] | Error | 'hang')[]) {
  const clock = createVirtualClock();
  const calls: { at: number; url: string; init: RequestInit }[] = [];
  const fetch = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
    calls.push({ at: clock.now(), url: String(url), init });
    const answer = answers[Math.min(calls.length, answers.length) - 1];
    if (answer instanceof Error) throw answer;
    if (answer === 'hang') {
      return new Promise((_, reject) => {
        init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
      });
    }
    const [status, headers] = Array.isArray(answer) ? answer : [answer as number, {}];
    return new Response(status === 204 ? null : 'body', { status, headers });
  };
  const deliver = (options: Partial<WebhookSinkOptions> = {}, context: Partial<DeliveryContext> = {}) => {
    const sink = webhookSink({ url: 'https://hooks.test/secret-path', seed: 1, fetch: fetch as never, ...options });
    const outcome = sink.deliver(notificationOf(alertOf('a')), contextOf({ clock, ...context })).then(
      (value) => ({ value, error: undefined as unknown }),
      (error: unknown) => ({ value: undefined, error }),
    );
    return {
      outcome,
      settled: async (ms: number) => {
        await clock.advance(ms);
        return outcome;
      },
    };
  };
  return { clock, calls, deliver };
}

describe('webhookSink', () => {
  it('posts the alerts as JSON', async () => {
    const { calls, deliver, clock } = scripted([204]);
    expect((await deliver({ headers: { 'X-Team': 'ml' } }).settled(0)).value).toBe('delivered');
    const { url, init } = calls[0] ?? { url: '', init: {} };
    expect(url).toBe('https://hooks.test/secret-path');
    expect(init).toMatchObject({ method: 'POST', redirect: 'manual' });
    expect(init.headers).toEqual({ 'x-team': 'ml', 'content-type': 'application/json', 'idempotency-key': 'n-1' });
    expect(JSON.parse(String(init.body))).toEqual({
      format: 'fairlead-alerts',
      version: 1,
      id: 'n-1',
      group: 'digits',
      sentAtMs: clock.epochMs(),
      alerts: [alertOf('a')],
    });
    expect(clock.pendingTimers).toBe(0);
  });

  it('tries again with delays that double, in part by chance, under the same key', async () => {
    const { calls, deliver } = scripted([500, new TypeError('fetch failed'), 503, 200]);
    const { value } = await deliver({ initialDelayMs: 100, maxDelayMs: 250 }).settled(10_000);
    expect(value).toBe('delivered');
    const waits = calls.slice(1).map(({ at }, index) => at - (calls[index]?.at ?? 0));
    expect(waits).toHaveLength(3);
    [100, 200, 250].forEach((full, index) => {
      expect(waits[index]).toBeGreaterThanOrEqual(full / 2);
      expect(waits[index]).toBeLessThan(full);
    });
    expect(new Set(calls.map(({ init }) => (init.headers as Record<string, string>)['idempotency-key']))).toEqual(
      new Set(['n-1']),
    );
  });

  it('waits as long as the server says, in seconds or until a date', async () => {
    const { calls, deliver, clock } = scripted([
      [429, { 'retry-after': '7' }],
      [503, { 'retry-after': new Date(1_700_000_000_000 + 20_000).toUTCString() }],
      200,
    ]);
    await deliver({ initialDelayMs: 1 }).settled(60_000);
    expect(calls.map(({ at }) => at)).toEqual([0, 7000, 20_000]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives up where the server asks for too long, refuses, or redirects', async () => {
    const long = scripted([[503, { 'retry-after': '9999' }]]);
    expect((await long.deliver().settled(0)).error).toMatchObject({ code: 'REMOTE_FAILED' });
    for (const status of [400, 401, 404, 410, 302]) {
      const { calls, deliver } = scripted([[status, { location: 'https://elsewhere.test' }]]);
      const { error } = await deliver().settled(100_000);
      expect(error).toMatchObject({ code: 'REMOTE_FAILED', message: expect.stringContaining(`answered ${status}`) });
      expect(calls).toHaveLength(1);
    }
  });

  it('gives up after its retries, and ends a try that takes too long', async () => {
    const { calls, deliver, clock } = scripted(['hang']);
    const { error } = await deliver({ retries: 2, timeoutMs: 1000 }).settled(100_000);
    expect(calls).toHaveLength(3);
    expect(String(error)).toContain('did not answer within 1000 ms');
    expect(clock.pendingTimers).toBe(0);
  });

  it('tries once more when the router begins to close, and no longer than the router has time', async () => {
    const closing = new AbortController();
    const { calls, deliver, clock } = scripted([500]);
    const { outcome } = deliver({ initialDelayMs: 60_000 }, { closing: closing.signal });
    await clock.settle();
    closing.abort();
    await clock.settle();
    expect(calls).toHaveLength(2);
    expect(String((await outcome).error)).toContain('the router is closing');
    const signal = new AbortController();
    const hanging = scripted(['hang']);
    const { outcome: ended } = hanging.deliver({}, { signal: signal.signal });
    await hanging.clock.settle();
    signal.abort();
    expect((await ended).error).toMatchObject({ code: 'ABORTED' });
    expect(hanging.clock.pendingTimers).toBe(0);
  });

  it('keeps the path, the credentials, headers and the secret out of its messages', async () => {
    const secrets = ['secret-path', 'hunter2', 'top-secret', 'Bearer-token'];
    const refused = new TypeError('fetch failed: https://hooks.test/secret-path', {
      cause: Object.assign(new Error('secret-path'), { code: 'ECONNREFUSED' }),
    });
    const { calls, deliver } = scripted([refused]);
    const { error } = await deliver({
      url: 'https://ann:hunter2@hooks.test/secret-path',
      secret: 'top-secret',
      headers: { 'x-key': 'Bearer-token' },
      retries: 0,
    }).outcome;
    expect(String(error)).toContain('hooks.test cannot be reached (ECONNREFUSED)');
    const said = [String(error), JSON.stringify(error)];
    expect(calls[0]?.url).toBe('https://hooks.test/secret-path');
    expect((calls[0]?.init.headers as Record<string, string> | undefined)?.authorization).toBe(
      `Basic ${btoa('ann:hunter2')}`,
    );
    const wrong: unknown[] = [
      { url: 'ftp://ann:hunter2@hooks.test/secret-path' },
      { url: 'hunter2' },
      { url: 'https://hooks.test', secret: '' },
      { url: 'https://hooks.test', Secret: 'top-secret' },
      { url: 'https://hooks.test', headers: { 'bad name': 'Bearer-token' } },
      { url: 'https://hooks.test', headers: { 'x-key': 'Bearer-token\n' + 'x: y' } },
      { url: 'https://hooks.test', headers: 'Bearer-token' },
    ];
    for (const options of wrong) {
      try {
        webhookSink(options as WebhookSinkOptions);
        expect.unreachable('the options should have been refused');
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'INVALID_OPTION' });
        said.push(String(thrown), JSON.stringify(thrown));
      }
    }
    for (const text of said) for (const word of secrets) expect(text).not.toContain(word);
  });

  it.each([
    ['url', { url: 5 }],
    ['format', { format: 'teams' }],
    ['timeoutMs', { timeoutMs: 0 }],
    ['retries', { retries: 1000 }],
    ['maxDelayMs', { initialDelayMs: 100, maxDelayMs: 10 }],
    ['maxBodyBytes', { maxBodyBytes: 10 }],
  ])('refuses a wrong option %s', (field, options) => {
    const given = { url: 'https://hooks.test', ...options } as unknown as WebhookSinkOptions;
    const details = expect.objectContaining({ field });
    expect(() => webhookSink(given)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', details }));
  });

  it('keeps its body within bounds, whatever a monitor says', async () => {
    const features = Array.from({ length: 10 }, (_, index) => ({
      ...bareFeature(`${'ß'.repeat(180)}${index}`),
      bins: Array.from({ length: 3 }, () => ({
        kind: 'range' as const,
        above: 1,
        upTo: 2,
        referenceShare: 0.1,
        windowShare: 0.2,
        psi: 0.1,
      })),
    }));
    const many = Array.from({ length: 200 }, (_, index) => alertOf(`a${index}`, { features }));
    const post = async (maxBodyBytes: number, alerts: Alert[]): Promise<string> => {
      let body = '';
      const fetch = async (_url: unknown, init?: RequestInit): Promise<Response> => {
        body = String(init?.body);
        return new Response(null, { status: 204 });
      };
      const sink = webhookSink({ url: 'https://hooks.test', fetch: fetch as never, maxBodyBytes });
      await sink.deliver(notificationOf(...alerts), contextOf());
      expect(new TextEncoder().encode(body).byteLength).toBeLessThanOrEqual(maxBodyBytes);
      return body;
    };
    expect(JSON.parse(await post(65_536, many)).alerts.length).toBeGreaterThanOrEqual(25);
    expect(JSON.parse(await post(8192, many.slice(0, 1))).alerts[0].features).toMatchObject({ length: 10 });
    expect(JSON.parse(await post(2048, many)).alerts).toHaveLength(1);
    const huge = alertOf('h'.repeat(5000));
    await expect(post(2048, [huge])).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('speaks to Alertmanager and to Slack', async () => {
    const bodyOf = async (format: 'alertmanager' | 'slack', alerts: Alert[], repeatMs?: number): Promise<unknown> => {
      const { calls, clock } = scripted([200]);
      const fetch = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
        calls.push({ at: 0, url: String(url), init });
        return new Response(null, { status: 200 });
      };
      const sink = webhookSink({ url: 'https://hooks.test', format, fetch: fetch as never });
      await sink.deliver(notificationOf(...alerts), contextOf({ clock, repeatMs }));
      return JSON.parse(String(calls[0]?.init.body));
    };
    const over = alertOf('b', { state: 'resolved', reason: 'end', endedAtMs: 1_700_000_060_000, model: null });
    expect(await bodyOf('alertmanager', [alertOf('a'), over], 60_000)).toEqual([
      {
        labels: {
          alertname: 'ModelInputDrift',
          severity: 'critical',
          monitor: 'inputs',
          kind: 'drift',
          episode: 'a',
          model_name: 'digits',
          model_version: '2',
        },
        annotations: { summary: 'Drift of digits@2, most in age', description: alertOf('a').text },
        startsAt: '2023-11-14T22:13:20.000Z',
        endsAt: '2023-11-14T22:16:20.000Z',
      },
      expect.objectContaining({
        labels: { alertname: 'ModelInputDrift', severity: 'critical', monitor: 'inputs', kind: 'drift', episode: 'b' },
        endsAt: '2023-11-14T22:14:20.000Z',
      }),
    ]);
    const named = alertOf('c', { features: [bareFeature('<!channel> & more')] });
    const { text, blocks } = (await bodyOf('slack', [named, over])) as { text: string; blocks: unknown[] };
    expect(text).toBe('Drift of digits@2, most in &lt;!channel&gt; &amp; more and 1 more');
    expect(JSON.stringify(blocks)).not.toContain('<!channel>');
    expect(blocks).toMatchObject([
      { type: 'section', text: { type: 'mrkdwn', text: expect.stringContaining(':red_circle: *Drift of digits@2') } },
      { text: { text: expect.stringContaining(':large_green_circle:') } },
    ]);
    const flood = (await bodyOf(
      'slack',
      Array.from({ length: 60 }, (_, i) => alertOf(`x${i}`)),
    )) as typeof blocks & {
      blocks: unknown[];
    };
    expect(flood.blocks).toHaveLength(50);
  });
});

describe('webhookSink against a server', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function listen(
    handle: (request: IncomingMessage, response: ServerResponse, call: number) => void,
  ): Promise<{ url: string; bodies: string[]; requests: IncomingMessage[] }> {
    const bodies: string[] = [];
    const requests: IncomingMessage[] = [];
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString('utf8');
      });
      request.on('end', () => {
        bodies.push(body);
        requests.push(request);
        handle(request, response, requests.length);
      });
    });
    const started = server;
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(started.address() as AddressInfo).port}/alerts`, bodies, requests };
  }

  const headersOf = (request: IncomingMessage | undefined) => ({
    timestamp: request?.headers['x-fairlead-timestamp'] as string,
    signature: request?.headers['x-fairlead-signature'] as string,
  });

  it('signs every try, so that the receiver can tell', async () => {
    const { url, bodies, requests } = await listen((_request, response, call) => {
      response.statusCode = call < 3 ? 500 : 200;
      response.end('x'.repeat(100_000));
    });
    const sink = webhookSink({ url, secret: 'correct horse', initialDelayMs: 1 });
    expect(await sink.deliver(notificationOf(alertOf('ä')), contextOf())).toBe('delivered');
    expect(requests).toHaveLength(3);
    const body = bodies[2] as string;
    expect(JSON.parse(body).alerts[0].id).toBe('ä');
    const given = headersOf(requests[2]);
    expect(await verifyWebhook(body, { secret: 'correct horse', ...given })).toBe(true);
    expect(await verifyWebhook(`${body} `, { secret: 'correct horse', ...given })).toBe(false);
    expect(await verifyWebhook(body, { secret: 'wrong', ...given })).toBe(false);
    const later = Number(given.timestamp) + 300_001;
    expect(await verifyWebhook(body, { secret: 'correct horse', ...given, nowMs: later })).toBe(false);
    expect(await verifyWebhook(body, { secret: 'correct horse', ...given, signature: 'v1=00' })).toBe(false);
    expect(await verifyWebhook(body, { secret: 'correct horse', ...given, timestamp: null })).toBe(false);
  });

  it('survives connections that are reset, and servers that do not answer in time', async () => {
    const { url, requests } = await listen((request, response, call) => {
      if (call === 1) request.socket.resetAndDestroy();
      // The second try is never answered.
      if (call === 3) response.writeHead(429, { 'retry-after': '0' }).end();
      if (call === 4) response.end();
    });
    const sink = webhookSink({ url, initialDelayMs: 1, maxDelayMs: 1, timeoutMs: 200 });
    expect(await sink.deliver(notificationOf(alertOf('a')), contextOf())).toBe('delivered');
    expect(requests).toHaveLength(4);
  });

  it('does not wait for the end of an answer', async () => {
    const { url } = await listen((_request, response) => {
      response.write('a beginning without an end');
    });
    expect(await webhookSink({ url }).deliver(notificationOf(alertOf('a')), contextOf())).toBe('delivered');
  });

  it('does not follow a redirect with what is secret', async () => {
    const { url, requests } = await listen((_request, response) => {
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    const delivery = webhookSink({ url }).deliver(notificationOf(alertOf('a')), contextOf());
    await expect(delivery).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    expect(requests).toHaveLength(1);
  });

  it('says that nobody listens', async () => {
    const { url } = await listen(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    const delivery = webhookSink({ url, retries: 0 }).deliver(notificationOf(alertOf('a')), contextOf());
    await expect(delivery).rejects.toThrow(/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/);
  });
});

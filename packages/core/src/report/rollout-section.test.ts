import { describe, expect, it } from 'vitest';
import { renderReport } from './render-report';
import {
  bandit,
  degraded,
  everyRollout,
  hostileRollout,
  inTheShadow,
  promoted,
  rolledBack,
  runningCanary,
} from './rollout.fixture';
import type { ReportSections, RolloutSection } from './sections';

const generatedAtMs = Date.UTC(2025, 4, 6, 8, 0);
const pageOf = (...rollouts: readonly RolloutSection[]): Promise<string> =>
  renderReport({ rollouts }, { generatedAtMs });
const textOf = (page: string): string =>
  page
    .replace(/<style>[\s\S]*?<\/style>|<svg[\s\S]*?<\/svg>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/[\s\u202f]+/g, ' ');

describe('the rollout section of a report', () => {
  it('shows a canary that runs: arms, shares, evidence over its requests, sample ratio and history', async () => {
    const running = await runningCanary();
    expect(running).toMatchObject({ status: 'running', weights: { canary: 0.25 } });
    expect(running.trail.length).toBeGreaterThan(3);
    const page = await pageOf(running);
    const text = textOf(page);
    expect(page).toContain('<h1>digits</h1>');
    expect(page).toContain('<h2 id="rollouts">Rollout</h2>');
    expect(page).toContain('aria-label="Shares of the traffic: champion 75\u202f%, canary 25\u202f%."');
    expect(text).toMatch(/digits Rollout: running/);
    expect(textOf(await renderReport({ rollouts: [running, running] }))).toContain(
      'Rollout digits Running challengers get 25 %',
    );
    expect(text).toMatch(/canary scripted 2 0{8}…\d+ 25 % \d+ \d+ [\d.]+ % \d+/);
    expect(text).toMatch(
      /canary · errors (?:Open|Not worse) Challenger less control: −?[\d.e−]+ , between −?[\d.]+ and [\d.]+; \d+ pairs/,
    );
    expect(text).toContain('canary · latency');
    expect(text).toMatch(/Harm [\d.e−]+ of 200 Not worse [\d.]+ of 20/);
    expect(text).toMatch(/Sample ratio As it should be [\d ]+ keys/);
    expect(text).toMatch(/Moved on 2025-05-06 07:08:\d\d UTC · by strategy Step 2 of 2: 25 % after \d+ requests/);
    expect(text.indexOf('Moved on')).toBeLessThan(text.indexOf('Started'));
    // A difference and a course for each of the two guardrails.
    expect(page.match(/<svg /g)).toHaveLength(4);
    expect(page).toMatch(/aria-label="Evidence over \d+ requests of canary: of harm [^"]+, which decides at 200; /);
  });

  it('shows why one was rolled back, though the challenger is gone', async () => {
    const back = await rolledBack();
    expect(back.status).toBe('rolled-back');
    expect(back.arms.some(({ evidence }) => evidence !== undefined)).toBe(false);
    const page = await pageOf(back);
    const text = textOf(page);
    expect(page).toContain('<span class="pill bad">Rollout: rolled back</span>');
    expect(text).toContain('canary harms errors: worse than its control by');
    expect(text).toContain('Nothing starts by itself before 2025-05-06 07:18:');
    expect(text).toMatch(/canary · errors Harm Challenger/);
    expect(text).toMatch(/Rolled back 2025-05-06 [\d:]+ UTC · by guardrail/);
    expect(page).toContain('<li class="bad">');
  });

  it('shows who promoted one, and all that was done by hand', async () => {
    const text = textOf(await pageOf(await promoted()));
    expect(text).toMatch(/canary promoted scripted 2/);
    expect(text).toMatch(/Promoted [^·]+· by bob Looks good on all dashboards\./);
    expect(text).toMatch(/Resumed [^·]+· by ann Back again\./);
    expect(text).toMatch(/Paused [^·]+· by ann Lunch\./);
    expect(text).toContain('Asked for approval');
  });

  it('says what keeps one from deciding', async () => {
    const text = textOf(await pageOf(await degraded()));
    expect(text).toContain('The store cannot be had: nothing is decided but harm.');
  });

  it('shows what shadows answer, and what they cost', async () => {
    const section = await inTheShadow();
    const text = textOf(await pageOf(section));
    const [shadow] = section.shadows;
    expect(shadow?.name).toBe('canary');
    expect(shadow?.comparisons).toBeGreaterThan(50);
    expect(text).toContain(`canary scripted 2 ${shadow?.comparisons} comparisons`);
    expect(text).toMatch(/Rows out of tolerance [\d.>]+ % 0 % [\d.]+ [−\d.]+ – [\d.]+/);
    expect(text).toMatch(/Spared: [\d ]+ \(budget full\)/);
    expect(text).toContain('The last failure: Scripted RUN_FAILED.');
  });

  it('shows what a bandit has learnt of each arm', async () => {
    const section = await bandit();
    const text = textOf(await pageOf(section));
    expect(section.arms.map(({ reward }) => reward?.rewards).reduce((sum = 0, one = 0) => sum + one, 0)).toBe(600);
    const means = Object.fromEntries(section.arms.map(({ arm, reward }) => [arm, reward?.mean ?? 0]));
    expect(means.large).toBeGreaterThan(means.cheap ?? 1);
    expect(text).toMatch(/Mean reward as the strategy has learnt it champion [\d.]+ of \d+ rewards cheap [\d.]+ of/);
  });

  it('escapes every name and word', async () => {
    const page = await pageOf(await hostileRollout());
    const body = page.replace(/<style>[\s\S]*?<\/style>/, '');
    expect(body).not.toMatch(/<(?:script|img|marquee|i|b)[ >](?!class=)/i);
    expect(body).toContain('&lt;script&gt;alert(1)&lt;script&gt;');
    expect(body).toContain('&lt;i&gt;mallory&lt;i&gt;');
    expect(body).toContain('&lt;/li&gt;&lt;/ol&gt;&lt;b&gt;pwned&lt;/b&gt;\ufffd');
    const tags = body.match(/<[a-z][^>]*>/gi) ?? [];
    expect(tags.filter((tag) => / on\w+\s*=/i.test(tag.replace(/"[^"]*"/g, '""')))).toEqual([]);
  });

  it('shows several, and none; the same page of the same data', async () => {
    const every = await everyRollout();
    const page = await pageOf(...every);
    expect(page.match(/<div class="rollout">/g)).toHaveLength(every.length);
    expect(page).toContain(`${every.length} rollouts`);
    expect(textOf(page)).not.toMatch(/NaN|undefined|null|\[object|Infinity/);
    expect(await pageOf(...every)).toBe(page);
    expect(new TextEncoder().encode(page).length).toBeLessThan(400_000);
    const none = await pageOf();
    expect(none).toContain('There is no rollout.');
    const body = page.replace(/<style>[\s\S]*?<\/style>/, '');
    const open: string[] = [];
    const voids = new Set(['meta', 'link', 'br', 'hr']);
    for (const [, slash, name = '', selfClosing] of body.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/gi)) {
      if (voids.has(name) || selfClosing === '/') continue;
      if (slash === '') open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it('keeps to a bounded size, however much there is', async () => {
    const [first] = [await rolledBack()];
    const entry = first?.history.at(-1);
    const guardrail = entry?.evidence.arms.canary?.guardrails[0];
    if (first === undefined || entry === undefined || guardrail === undefined) throw new Error('it was rolled back');
    const arms = Array.from({ length: 200 }, (_, index) => ({
      arm: `arm ${index}`,
      weight: 1 / 200,
      circuit: 'closed' as const,
      evidence: {
        arm: `arm ${index}`,
        requests: 1,
        failedRequests: 0,
        controlRequests: 1,
        controlFailedRequests: 0,
        guardrails: Array.from({ length: 10 }, (_, number) => ({
          ...guardrail,
          guardrail: `${number} ${'<&'.repeat(900)}`,
        })),
        verdict: 'inconclusive' as const,
      },
    }));
    const large = { ...first, arms, history: Array.from({ length: 100 }, () => entry), reason: 'x'.repeat(1e6) };
    const page = await pageOf(...Array.from({ length: 30 }, () => large));
    expect(new TextEncoder().encode(page).length).toBeLessThan(8 * 2 ** 20);
    expect(page).toContain('10 more rollouts are not shown.');
    expect(page).toContain('180 more arms are not shown.');
    expect(page).toContain('50 earlier decisions are not shown.');
  });

  it.each<[string, unknown]>([
    ['one rollout', { name: 'digits' }],
    ['a list of names', ['digits']],
    ['a description without a history', [{ arms: [], weights: {}, trail: [], shadows: [], degraded: [] }]],
  ])('refuses %s', async (_what, rollouts) => {
    await expect(renderReport({ rollouts } as ReportSections)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'rollouts', expected: 'a list of what describe() of a rollout gives' },
    });
  });
});

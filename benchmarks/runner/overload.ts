import type { LanesOption } from '@fairlead/core';
import { compare } from '../lib/compare';
import { drive } from '../lib/load';
import { driveOpen, type OpenLoadResult } from '../lib/open-load';
import { flatness } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import { openRunner, rowsOf, type Subject, subjects } from './subject';

const timeoutMs = 50;
/** Arrivals, as a multiple of what the runner can do. */
const excess = 3;
const peakMs = 1000;
const overloadMs = 2500;
const sampleEveryMs = 50;
const mostRounds = 3;

/** What the runner still does when three times as much comes as it can do, and every caller waits 50 ms. */
export async function measureOverload(context: SuiteContext): Promise<Result[]> {
  return [
    ...(await measure(subjects.cnn, 1, 'in a worker', '>= 0.9', context)),
    // Here the callers, 300,000 a second, share their thread with the model: it is shown what is left for the model.
    ...(await measure(subjects.medium, 'inline', 'inline', undefined, context)),
  ];
}

async function measure(
  subject: Subject,
  lanes: LanesOption,
  where: string,
  goal: string | undefined,
  { rounds, note }: SuiteContext,
): Promise<Result[]> {
  const label = `overload, ${subject.name} ${where}`;
  note(label);
  const row = rowsOf(subject);
  const runner = await openRunner(subject, { lanes, threads: 1 });
  const outcomes: OpenLoadResult[] = [];
  const memory: number[] = [];
  try {
    let peak = 0;
    const atPeak = async () => {
      const { perSecond } = await drive({
        callers: 128,
        durationMs: peakMs,
        request: (index) => runner.run({ x: row(index) }),
      });
      peak = perSecond;
      return perSecond;
    };
    await atPeak();
    const overloaded = async () => {
      const sampler = setInterval(() => memory.push(process.memoryUsage.rss()), sampleEveryMs);
      const outcome = await driveOpen({
        perSecond: peak * excess,
        durationMs: overloadMs,
        patienceMs: timeoutMs,
        request: (index) => runner.run({ x: row(index) }, { timeoutMs }),
      });
      clearInterval(sampler);
      outcomes.push(outcome);
      return (outcome.inTime / overloadMs) * 1000;
    };
    const { ratio, b } = await compare(overloaded, atPeak, { rounds: Math.min(rounds, mostRounds), warmUpRounds: 1 });
    const sum = (part: (outcome: OpenLoadResult) => number) => outcomes.reduce((total, one) => total + part(one), 0);
    const sent = sum((outcome) => outcome.sent);
    const ended = (fits: (code: string) => boolean) =>
      sum(({ failed }) => [...failed].reduce((total, [code, count]) => total + (fits(code) ? count : 0), 0)) / sent;
    const share = (what: string, value: number, goal?: string): Result => ({
      name: `${label}: ${what}`,
      value,
      unit: 'ratio',
      ...(goal && { goal }),
    });
    return [
      share('goodput, of the peak', ratio, goal),
      { name: `${label}: answers after their deadline`, value: sum(({ late }) => late), unit: 'answers', goal: '<= 0' },
      { name: `${label}: slowest answer`, value: Math.max(...outcomes.map(({ slowestMs }) => slowestMs)), unit: 'ms' },
      share('memory at the end, of that after a quarter', flatness(memory), '<= 1.05'),
      { name: `${label}: peak`, value: b, unit: 'rows/s' },
      share('sent, of the peak', (sent * 1000) / (outcomes.length * overloadMs) / b),
      share(
        'refused at once, of those sent',
        ended((code) => code === 'OVERLOADED'),
      ),
      share(
        'timed out, of those sent',
        ended((code) => code === 'DEADLINE_EXCEEDED'),
      ),
      share(
        'ended otherwise, of those sent',
        ended((code) => code !== 'OVERLOADED' && code !== 'DEADLINE_EXCEEDED'),
        '<= 0',
      ),
    ];
  } finally {
    await runner.close();
  }
}

import type { Result } from '../lib/suite';
import { startServer } from './children';
import { holdContest } from './contest';
import { binaryBody, jsonBody } from './requests';
import { type Measuring, requestsOf } from './throughput';

/** Elements of a row of the models that are measured. */
const elements = 784;

/** What the driver of the load can do at most: a figure near it would say nothing about a server. */
export async function measureCeiling({ driver, settings, note }: Measuring): Promise<Result[]> {
  const server = await startServer('fixed', '');
  try {
    note(`driver of the load, beside ${server.settings}`);
    const contestants = [
      { title: 'JSON', port: server.port, requests: requestsOf(elements, jsonBody) },
      { title: 'binary', port: server.port, requests: requestsOf(elements, binaryBody) },
    ];
    const contest = await holdContest(driver, contestants, 64, settings.rounds, settings.length, note);
    return contestants.map((contestant) => ({
      name: `driver of the load, 64 connections: at most, ${contestant.title}`,
      value: contest.rate(contestant),
      unit: 'requests/s',
    }));
  } finally {
    await server.stop();
  }
}

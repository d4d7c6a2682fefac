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
    note(`driver of the load: ${driver.closedBy}, beside ${server.settings}`);
    const contestants = [
      { title: 'JSON', port: server.port, requests: requestsOf(elements, jsonBody) },
      { title: 'binary', port: server.port, requests: requestsOf(elements, binaryBody) },
    ];
    const contest = await holdContest(driver, contestants, 64, settings.rounds, settings.length);
    return contestants.flatMap((contestant) => {
      const label = `driver of the load (${driver.closedBy}), 64 connections, ${contestant.title}`;
      return [
        { name: `${label}: at most`, value: contest.rate(contestant), unit: 'requests/s' },
        { name: `${label}: its own processor time a request`, value: contest.driverMicros(contestant), unit: 'µs' },
      ];
    });
  } finally {
    await server.stop();
  }
}

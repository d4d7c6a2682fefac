import type { Result, SuiteContext } from '../lib/suite';
import { type Driver, type Running, startServer } from './children';
import { type Contest, type Contestant, holdContest } from './contest';
import { type Peer, type PeerSettings, preparePeer, startPeer, versionOf } from './peers';
import { askOnce, checkSame } from './probe';
import { type Body, binaryBody, encodeRequest, inferPath, jsonBody, makeRows } from './requests';
import type { ServingSettings } from './settings';

/** A model that is served, and the goals at 64 connections. */
export interface ServedModel {
  readonly title: string;
  readonly path: string;
  readonly elements: number;
  readonly goals: {
    readonly jsonOfEmpty?: string;
    readonly binaryOfBare?: string;
    readonly jsonOfBare?: string;
    /** Whether the peers' own goals are this model's. */
    readonly peers: boolean;
  };
}

/** What a measurement needs. */
export interface Measuring {
  readonly driver: Driver;
  readonly settings: ServingSettings;
  readonly note: SuiteContext['note'];
}

/** Connections at which the goals are stated. */
const goalConnections = 64;

/** Requests in base64, for the driver: 32 rows in turn. */
export function requestsOf(elements: number, toBody: (row: Float32Array) => Body): string[] {
  return makeRows(32, elements).map((row) => encodeRequest(inferPath, toBody(row)).toString('base64'));
}

/** Our server beside itself without the inference, a bare Fastify and the peers: one model, all numbers of connections. */
export async function measureModel(
  model: ServedModel,
  peers: readonly Peer[],
  tuned: Map<Peer, PeerSettings>,
  measuring: Measuring,
): Promise<Result[]> {
  const { note } = measuring;
  const running: Running[] = [];
  const start = async (kind: string, title: string): Promise<Running> => {
    const server = await startServer(kind, model.path);
    running.push(server);
    note(`${model.title}, ${title}: ${server.settings}`);
    return server;
  };
  try {
    const ours = await start('ours', 'ours');
    const empty = await start('empty', 'ours without inference');
    const bare = await fasterBare(model, measuring, start);
    const [row] = makeRows(1, model.elements) as [Float32Array];
    const expected = (await askOnce(ours.port, row)) ?? [];
    checkSame('Bare Fastify', await askOnce(bare.port, row), expected);

    const results = await measureOwn(model, { ours, empty, bare }, measuring);
    for (const peer of peers) {
      try {
        results.push(...(await measurePeer(model, peer, tuned, ours, expected, measuring)));
      } catch (error) {
        note(`NOT MEASURED: ${peer.title} with ${model.title}, whose rows are left out: ${String(error)}`);
      }
    }
    return results;
  } finally {
    for (const server of running) await server.stop();
  }
}

/** The bare server with the number of threads that is faster at the goal's connections. */
async function fasterBare(
  model: ServedModel,
  { driver, settings, note }: Measuring,
  start: (kind: string, title: string) => Promise<Running>,
): Promise<Running> {
  const requests = requestsOf(model.elements, binaryBody);
  const candidates: (Contestant & { readonly server: Running })[] = [];
  for (const kind of ['fastify-default', 'fastify-one']) {
    const server = await start(kind, 'bare Fastify');
    candidates.push({ title: kind, port: server.port, requests, server });
  }
  const contest = await holdContest(driver, candidates, goalConnections, settings.rounds, settings.length);
  const [best] = candidates.sort((a, b) => contest.rate(b) - contest.rate(a));
  if (best === undefined) throw new Error('There is no bare server.');
  for (const { server } of candidates) if (server !== best.server) await server.stop();
  note(`${model.title}, bare Fastify: taken for the faster is ${best.server.settings}`);
  return best.server;
}

async function measureOwn(
  model: ServedModel,
  { ours, empty, bare }: Readonly<Record<'ours' | 'empty' | 'bare', Running>>,
  { driver, settings, note }: Measuring,
): Promise<Result[]> {
  const { title, elements, goals } = model;
  const [json, binary] = [requestsOf(elements, jsonBody), requestsOf(elements, binaryBody)];
  const all = {
    ours: { title: 'ours, JSON', port: ours.port, requests: json },
    oursBinary: { title: 'ours, binary', port: ours.port, requests: binary },
    empty: { title: 'ours without inference, JSON', port: empty.port, requests: json },
    emptyBinary: { title: 'ours without inference, binary', port: empty.port, requests: binary },
    bare: { title: 'bare Fastify, JSON', port: bare.port, requests: json },
    bareBinary: { title: 'bare Fastify, binary', port: bare.port, requests: binary },
  };
  const contestants = Object.values(all);
  const results: Result[] = [];
  // Compilers and caches get warm.
  await holdContest(driver, contestants, goalConnections, 1, settings.length);
  for (const connections of settings.connections) {
    note(`${title}: ours and bare Fastify, ${connections} connections`);
    const contest = await holdContest(driver, contestants, connections, settings.rounds, settings.length);
    results.push(...rowsOf(contest, contestants, title, connections));
    if (connections !== goalConnections) continue;
    const ratio = (what: string, a: Contestant, b: Contestant, goal?: string): Result => ({
      name: `${title}, ${connections} connections: ${what}`,
      value: contest.ratio(a, b),
      unit: 'ratio',
      ...(goal !== undefined && { goal }),
    });
    results.push(
      ratio('ours by itself without inference, JSON', all.ours, all.empty, goals.jsonOfEmpty),
      ratio('ours by itself without inference, binary', all.oursBinary, all.emptyBinary),
      ratio('ours by bare Fastify, JSON', all.ours, all.bare, goals.jsonOfBare),
      ratio('ours by bare Fastify, binary', all.oursBinary, all.bareBinary, goals.binaryOfBare),
    );
  }
  return results;
}

async function measurePeer(
  { title, path, elements, goals }: ServedModel,
  peer: Peer,
  tuned: Map<Peer, PeerSettings>,
  ours: Running,
  expected: readonly number[],
  { driver, settings, note }: Measuring,
): Promise<Result[]> {
  if (!(await preparePeer(peer, note))) return [];
  const [row] = makeRows(1, elements) as [Float32Array];
  const requests = requestsOf(elements, jsonBody);
  const start = async (candidate: PeerSettings): Promise<Running> => {
    const server = await startPeer(peer, path, candidate, async (port) => (await askOnce(port, row)) !== undefined);
    checkSame(peer.title, await askOnce(server.port, row), expected);
    return server;
  };
  let best = tuned.get(peer) ?? (peer.candidates[0] as PeerSettings);
  if (settings.tunesPeers && !tuned.has(peer)) {
    let bestRate = 0;
    for (const candidate of peer.candidates) {
      const server = await start(candidate);
      try {
        const contestant = { title: peer.title, port: server.port, requests };
        const contest = await holdContest(driver, [contestant], goalConnections, 2, settings.length);
        note(`${peer.title}: ${server.settings}: ${Math.round(contest.rate(contestant))} requests/s`);
        if (contest.rate(contestant) > bestRate) [best, bestRate] = [candidate, contest.rate(contestant)];
      } catch (error) {
        note(`${peer.title}: ${server.settings}: left out: ${String(error)}`);
      } finally {
        await server.stop();
      }
    }
  }
  tuned.set(peer, best);
  const version = await versionOf(peer);
  const server = await start(best);
  note(`${title}, ${peer.title} ${version}: taken is ${server.settings}`);
  try {
    const oursJson = { title: 'ours, JSON', port: ours.port, requests };
    const theirs = { title: `${peer.title} ${version}, JSON`, port: server.port, requests };
    const results: Result[] = [];
    for (const connections of settings.connections) {
      const contest = await holdContest(driver, [oursJson, theirs], connections, settings.rounds, settings.length);
      results.push(...rowsOf(contest, [theirs], title, connections));
      if (connections !== goalConnections) continue;
      results.push({
        name: `${title}, ${connections} connections: ours by ${peer.title}, JSON`,
        value: contest.ratio(oursJson, theirs),
        unit: 'ratio',
        ...(goals.peers && peer.goal !== undefined && { goal: peer.goal }),
      });
    }
    return results;
  } finally {
    await server.stop();
  }
}

function rowsOf(contest: Contest, contestants: readonly Contestant[], title: string, connections: number): Result[] {
  return contestants.flatMap((contestant) =>
    contest.rowsOf(contestant, `${title}, ${connections} connections: ${contestant.title}`),
  );
}

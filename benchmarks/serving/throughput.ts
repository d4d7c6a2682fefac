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
    /** One process beside one without inference. Several processes have no such goal: what the model computes is taken from the cores that read. */
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

/** What no goal is about is looked at once. */
const roundsAt = (connections: number, { rounds }: ServingSettings): number =>
  connections === goalConnections ? rounds : 1;

/** Settings of our server that are worth a look on two cores, each with the one that serves as it does, but infers nothing. */
const ownSettings = [
  { kind: 'ours', emptyKind: 'empty' },
  { kind: 'ours-cluster', emptyKind: 'empty-cluster' },
  { kind: 'ours-cluster-inline', emptyKind: 'empty-cluster' },
] as const;

/** Requests in base64, for the driver: 32 rows in turn. */
export function requestsOf(elements: number, toBody: (row: Float32Array) => Body): string[] {
  return makeRows(32, elements).map((row) => encodeRequest(inferPath, toBody(row)).toString('base64'));
}

/** Our server beside itself without the inference, a bare Fastify and the peers: one model, all numbers of connections. */
export async function measureModel(
  model: ServedModel,
  peers: readonly Peer[],
  tunedPeers: Map<Peer, PeerSettings>,
  measuring: Measuring,
): Promise<Result[]> {
  const { note, settings } = measuring;
  const running: Running[] = [];
  const start = async (kind: string, title: string): Promise<Running> => {
    const server = await startServer(kind, model.path);
    running.push(server);
    note(`${model.title}, ${title}: ${server.settings}`);
    return server;
  };
  try {
    const kinds = settings.tunesPeers ? ownSettings.map(({ kind }) => kind) : ['ours'];
    const tuned = await fastest(model, 'ours', kinds, jsonBody, measuring, start);
    const own = ownSettings.find(({ kind }) => kind === tuned.kind) ?? ownSettings[0];
    const ours = tuned.kind === 'ours' ? tuned : await start('ours', 'ours');
    const empty = await start('empty', 'ours without inference');
    const tunedEmpty = tuned === ours ? empty : await start(own.emptyKind, 'ours as tuned, without inference');
    const bare = await fastest(model, 'bare Fastify', ['fastify-default', 'fastify-one'], binaryBody, measuring, start);
    const [row] = makeRows(1, model.elements) as [Float32Array];
    const expected = (await askOnce(ours.port, row)) ?? [];
    checkSame('Bare Fastify', await askOnce(bare.port, row), expected);

    checkSame('Ours as tuned', await askOnce(tuned.port, row), expected);

    const results = await measureOwn(model, { ours, tuned, empty, tunedEmpty, bare }, measuring);
    for (const peer of peers) {
      try {
        results.push(...(await measurePeer(model, peer, tunedPeers, tuned, expected, measuring)));
      } catch (error) {
        note(`NOT MEASURED: ${peer.title} with ${model.title}, whose rows are left out: ${String(error)}`);
      }
    }
    return results;
  } finally {
    for (const server of running) await server.stop();
  }
}

/** Of servers that differ in their settings the one that is fastest at the goal's connections; the others are stopped. */
async function fastest(
  model: ServedModel,
  title: string,
  kinds: readonly string[],
  toBody: (row: Float32Array) => Body,
  { driver, settings, note }: Measuring,
  start: (kind: string, title: string) => Promise<Running>,
): Promise<Running & { readonly kind: string }> {
  const requests = requestsOf(model.elements, toBody);
  const candidates: (Contestant & { readonly server: Running })[] = [];
  for (const kind of kinds) {
    const server = await start(kind, title);
    candidates.push({ title: kind, port: server.port, requests, server });
  }
  const contest = await holdContest(driver, candidates, goalConnections, settings.rounds, settings.length);
  for (const each of candidates) {
    note(`${model.title}, ${title}: ${each.server.settings}: ${Math.round(contest.rate(each))} requests/s`);
  }
  const [best] = candidates.sort((a, b) => contest.rate(b) - contest.rate(a));
  if (best === undefined) throw new Error(`There is no server of ${title}.`);
  for (const { server } of candidates) if (server !== best.server) await server.stop();
  note(`${model.title}, ${title}: taken for the fastest is ${best.server.settings}`);
  return { ...best.server, kind: best.title };
}

async function measureOwn(
  model: ServedModel,
  {
    ours,
    tuned,
    empty,
    tunedEmpty,
    bare,
  }: Readonly<Record<'ours' | 'tuned' | 'empty' | 'tunedEmpty' | 'bare', Running>>,
  { driver, settings, note }: Measuring,
): Promise<Result[]> {
  const { title, elements, goals } = model;
  const [json, binary] = [requestsOf(elements, jsonBody), requestsOf(elements, binaryBody)];
  const all = {
    ours: { title: 'ours, JSON', port: ours.port, requests: json },
    oursBinary: { title: 'ours, binary', port: ours.port, requests: binary },
    tuned: { title: 'ours as tuned, JSON', port: tuned.port, requests: json },
    tunedBinary: { title: 'ours as tuned, binary', port: tuned.port, requests: binary },
    empty: { title: 'ours without inference, JSON', port: empty.port, requests: json },
    emptyBinary: { title: 'ours without inference, binary', port: empty.port, requests: binary },
    tunedEmpty: { title: 'ours as tuned, without inference, JSON', port: tunedEmpty.port, requests: json },
    tunedEmptyBinary: { title: 'ours as tuned, without inference, binary', port: tunedEmpty.port, requests: binary },
    bare: { title: 'bare Fastify, JSON', port: bare.port, requests: json },
    bareBinary: { title: 'bare Fastify, binary', port: bare.port, requests: binary },
  };
  // Where our server is fastest as nobody sets anything, there is one of it.
  const asTuned =
    tuned.port === ours.port
      ? { tuned: all.ours, tunedBinary: all.oursBinary, tunedEmpty: all.empty, tunedEmptyBinary: all.emptyBinary }
      : all;
  const contestants = [...new Set(Object.values({ ...all, ...asTuned }))];
  const results: Result[] = [];
  // Compilers and caches get warm: a server takes some six seconds of requests until its code is what it stays.
  await holdContest(driver, contestants, goalConnections, settings.rounds, settings.length);
  for (const connections of settings.connections) {
    note(`${title}: ours and bare Fastify, ${connections} connections`);
    const contest = await holdContest(
      driver,
      contestants,
      connections,
      roundsAt(connections, settings),
      settings.length,
    );
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
      ratio('ours as tuned by itself without inference, JSON', asTuned.tuned, asTuned.tunedEmpty),
      ratio('ours as tuned by itself without inference, binary', asTuned.tunedBinary, asTuned.tunedEmptyBinary),
      ratio('ours as tuned by bare Fastify, JSON', asTuned.tuned, all.bare, goals.jsonOfBare),
      ratio('ours as tuned by bare Fastify, binary', asTuned.tunedBinary, all.bareBinary, goals.binaryOfBare),
      ratio('ours by bare Fastify, JSON', all.ours, all.bare),
      ratio('ours by bare Fastify, binary', all.oursBinary, all.bareBinary),
    );
  }
  return results;
}

async function measurePeer(
  { title, path, elements, goals }: ServedModel,
  peer: Peer,
  tunedPeers: Map<Peer, PeerSettings>,
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
  let best = tunedPeers.get(peer) ?? (peer.candidates[0] as PeerSettings);
  if (settings.tunesPeers && !tunedPeers.has(peer)) {
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
  tunedPeers.set(peer, best);
  const version = await versionOf(peer);
  const server = await start(best);
  note(`${title}, ${peer.title} ${version}: taken is ${server.settings}`);
  try {
    const oursJson = { title: 'ours as tuned, JSON', port: ours.port, requests };
    const theirs = { title: `${peer.title} ${version}, JSON`, port: server.port, requests };
    const results: Result[] = [];
    for (const connections of settings.connections) {
      const rounds = roundsAt(connections, settings);
      const contest = await holdContest(driver, [oursJson, theirs], connections, rounds, settings.length);
      results.push(...rowsOf(contest, [theirs], title, connections));
      if (connections !== goalConnections) continue;
      results.push({
        name: `${title}, ${connections} connections: ours as tuned by ${peer.title}, JSON`,
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

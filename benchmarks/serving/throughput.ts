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
    const tuned = await fastest(model, 'ours', kinds, measuring, start);
    const ours = [tuned.json, tuned.binary].find(({ kind }) => kind === 'ours') ?? (await start('ours', 'ours'));
    const emptyOf = new Map([['empty', await start('empty', 'ours without inference')]]);
    const withoutInference = async ({ kind }: Tuned): Promise<Running> => {
      const { emptyKind } = ownSettings.find((own) => own.kind === kind) ?? ownSettings[0];
      const known = emptyOf.get(emptyKind) ?? (await start(emptyKind, 'ours as tuned, without inference'));
      emptyOf.set(emptyKind, known);
      return known;
    };
    const tunedEmpty = { json: await withoutInference(tuned.json), binary: await withoutInference(tuned.binary) };
    const bare = await fastest(model, 'bare Fastify', ['fastify-default', 'fastify-one'], measuring, start);
    const [row] = makeRows(1, model.elements) as [Float32Array];
    const expected = (await askOnce(ours.port, row)) ?? [];
    for (const { json, binary } of [tuned, bare]) {
      checkSame(json.settings, await askOnce(json.port, row), expected);
      checkSame(binary.settings, await askOnce(binary.port, row), expected);
    }

    const empty = emptyOf.get('empty') as Running;
    const results = await measureOwn(model, { ours, tuned, empty, tunedEmpty, bare }, measuring);
    for (const peer of peers) {
      try {
        results.push(...(await measurePeer(model, peer, tunedPeers, tuned.json, expected, measuring)));
      } catch (error) {
        note(`NOT MEASURED: ${peer.title} with ${model.title}, whose rows are left out: ${String(error)}`);
      }
    }
    return results;
  } finally {
    for (const server of running) await server.stop();
  }
}

/** A server with the settings that it was fastest with. */
type Tuned = Running & { readonly kind: string };

/** The same for each kind of body: whichever is fastest by one need not be by the other. */
interface ByBody<Server> {
  readonly json: Server;
  readonly binary: Server;
}

/** Of servers that differ in their settings those that are fastest at the goal's connections; the others are stopped. */
async function fastest(
  model: ServedModel,
  title: string,
  kinds: readonly string[],
  { driver, settings, note }: Measuring,
  start: (kind: string, title: string) => Promise<Running>,
): Promise<ByBody<Tuned>> {
  const servers: Tuned[] = [];
  for (const kind of kinds) servers.push({ ...(await start(kind, title)), kind });
  const fastestBy = async (body: string, toBody: (row: Float32Array) => Body): Promise<Tuned> => {
    const requests = requestsOf(model.elements, toBody);
    const candidates = servers.map((server) => ({ title: server.kind, port: server.port, requests, server }));
    const contest = await holdContest(driver, candidates, goalConnections, settings.rounds, settings.length);
    for (const each of candidates) {
      note(`${model.title}, ${title}, ${body}: ${each.server.settings}: ${Math.round(contest.rate(each))} requests/s`);
    }
    const [best] = candidates.sort((a, b) => contest.rate(b) - contest.rate(a));
    if (best === undefined) throw new Error(`There is no server of ${title}.`);
    note(`${model.title}, ${title}, ${body}: taken for the fastest is ${best.server.settings}`);
    return best.server;
  };
  // Code is compiled for good after some seconds of requests: what is tried first would be at a loss.
  const requests = requestsOf(model.elements, jsonBody);
  const warmUp = servers.map(({ port, kind }) => ({ title: kind, port, requests }));
  await holdContest(driver, warmUp, goalConnections, settings.rounds, settings.length);
  const found = { json: await fastestBy('JSON', jsonBody), binary: await fastestBy('binary', binaryBody) };
  for (const server of servers) if (server !== found.json && server !== found.binary) await server.stop();
  return found;
}

async function measureOwn(
  model: ServedModel,
  servers: Readonly<Record<'ours' | 'empty', Running>> &
    Readonly<Record<'tuned' | 'tunedEmpty' | 'bare', ByBody<Running>>>,
  { driver, settings, note }: Measuring,
): Promise<Result[]> {
  const { title, elements, goals } = model;
  const { ours, tuned, empty, tunedEmpty, bare } = servers;
  const [json, binary] = [requestsOf(elements, jsonBody), requestsOf(elements, binaryBody)];
  const all = {
    ours: { title: 'ours, JSON', port: ours.port, requests: json },
    oursBinary: { title: 'ours, binary', port: ours.port, requests: binary },
    tuned: { title: 'ours as tuned, JSON', port: tuned.json.port, requests: json },
    tunedBinary: { title: 'ours as tuned, binary', port: tuned.binary.port, requests: binary },
    empty: { title: 'ours without inference, JSON', port: empty.port, requests: json },
    emptyBinary: { title: 'ours without inference, binary', port: empty.port, requests: binary },
    tunedEmpty: { title: 'ours as tuned, without inference, JSON', port: tunedEmpty.json.port, requests: json },
    tunedEmptyBinary: {
      title: 'ours as tuned, without inference, binary',
      port: tunedEmpty.binary.port,
      requests: binary,
    },
    bare: { title: 'bare Fastify, JSON', port: bare.json.port, requests: json },
    bareBinary: { title: 'bare Fastify, binary', port: bare.binary.port, requests: binary },
  };
  // Where our server is fastest as nobody sets anything, there is one of it.
  const asTuned = {
    ...(tuned.json.port === ours.port
      ? { tuned: all.ours, tunedEmpty: all.empty }
      : { tuned: all.tuned, tunedEmpty: all.tunedEmpty }),
    ...(tuned.binary.port === ours.port
      ? { tunedBinary: all.oursBinary, tunedEmptyBinary: all.emptyBinary }
      : { tunedBinary: all.tunedBinary, tunedEmptyBinary: all.tunedEmptyBinary }),
  };
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

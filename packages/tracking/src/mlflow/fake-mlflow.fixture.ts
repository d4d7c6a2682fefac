import { createFakeServer, type FakeAnswer, type SeenRequest } from './fake-server.fixture';

/*
 * A small MLflow: what the store asks of one, with what the real one would refuse. Filters are lists of `tags.x = 'y'`.
 */

interface Pair {
  readonly key: string;
  readonly value: string;
}

interface Point {
  readonly key: string;
  readonly value: number | string;
  readonly timestamp: number;
  readonly step: number;
}

/** A run as the fake server keeps it. */
export interface FakeRun {
  readonly info: Record<string, string | number> & { run_id: string; experiment_id: string };
  readonly params: Map<string, string>;
  readonly tags: Map<string, string>;
  /** Equal points once. */
  readonly points: Map<string, Point>;
  readonly inputs: Map<string, unknown>;
}

/** What becomes of a request: `lost`: it is done, and the connection breaks. */
export type Trouble = 'lost' | FakeAnswer | Promise<FakeAnswer> | undefined;

type Body = Readonly<Record<string, unknown>>;

function refusal(code: string, message: string, status = 400): FakeAnswer {
  return { status, body: { error_code: code, message } };
}

const missing = (what: string): FakeAnswer => refusal('RESOURCE_DOES_NOT_EXIST', `No ${what}`, 404);

function isLater(a: Point, b: Point): boolean {
  const order = a.step - b.step || a.timestamp - b.timestamp || Number(a.value) - Number(b.value);
  return order > 0;
}

function latestOf(run: FakeRun): Point[] {
  const latest = new Map<string, Point>();
  for (const point of run.points.values()) {
    const known = latest.get(point.key);
    if (known === undefined || isLater(point, known)) latest.set(point.key, point);
  }
  return [...latest.values()];
}

function pairs(map: ReadonlyMap<string, string>): Pair[] {
  return [...map].map(([key, value]) => ({ key, value }));
}

function setStage({ info }: FakeRun, stage: string): void {
  info.lifecycle_stage = stage;
}

function wireRun(run: FakeRun): unknown {
  const data = { metrics: latestOf(run), params: pairs(run.params), tags: pairs(run.tags) };
  return { info: run.info, data, inputs: { dataset_inputs: [...run.inputs.values()] } };
}

/** Starts one. @param trouble called before a request is done; what it answers is answered */
export async function startFakeMlflow(trouble: (request: SeenRequest) => Trouble = () => undefined) {
  const experiments = new Map<string, { name: string; stage: string }>();
  const runs = new Map<string, FakeRun>();
  const files = new Map<string, string>();
  let ids = 0;

  const wireExperiment = (id: string): unknown => {
    const { name, stage } = experiments.get(id) as { name: string; stage: string };
    return { experiment_id: id, name, artifact_location: `mlflow-artifacts:/${id}`, lifecycle_stage: stage };
  };
  const withRun = (id: unknown, answer: (run: FakeRun) => unknown, isActive = false): FakeAnswer => {
    const run = runs.get(String(id));
    if (run === undefined) return missing(`run ${String(id)}`);
    if (isActive && run.info.lifecycle_stage === 'deleted') return refusal('INVALID_PARAMETER_VALUE', 'not active');
    const body = answer(run);
    return body !== null && typeof body === 'object' && 'status' in body ? (body as FakeAnswer) : { body: body ?? {} };
  };

  const createRun = (body: Body): FakeAnswer => {
    const id = (++ids).toString(16).padStart(32, '0');
    const run: FakeRun = {
      info: {
        run_id: id,
        experiment_id: String(body.experiment_id),
        run_name: String(body.run_name),
        status: 'RUNNING',
        start_time: Number(body.start_time),
        artifact_uri: `mlflow-artifacts:/${String(body.experiment_id)}/${id}/artifacts`,
        lifecycle_stage: 'active',
      },
      params: new Map(),
      tags: new Map((body.tags as Pair[]).map(({ key, value }) => [key, value])),
      points: new Map(),
      inputs: new Map(),
    };
    runs.set(id, run);
    return { body: { run: wireRun(run) } };
  };

  const logBatch = (run: FakeRun, body: Body): unknown => {
    const { params, tags, metrics } = body as unknown as { params: Pair[]; tags: Pair[]; metrics: Point[] };
    for (const { key, value } of params) {
      if ((run.params.get(key) ?? value) !== value)
        return refusal('INVALID_PARAMETER_VALUE', `param ${key} is another`);
    }
    for (const { key, value } of params) run.params.set(key, value);
    for (const { key, value } of tags) run.tags.set(key, value);
    for (const point of metrics)
      run.points.set(JSON.stringify([point.key, point.step, point.timestamp, point.value]), point);
    return {};
  };

  const searchRuns = (body: Body): FakeAnswer => {
    const terms = String(body.filter ?? '')
      .split(' AND ')
      .filter(Boolean);
    const wanted = terms.map((term) => /^tags\.`(.+)` = '(.*)'$/.exec(term));
    if (wanted.some((term) => term === null))
      return refusal('INVALID_PARAMETER_VALUE', `no such filter: ${String(body.filter)}`);
    const found = [...runs.values()]
      .filter(({ info }) => (body.experiment_ids as string[]).includes(info.experiment_id))
      .filter(({ info }) => {
        if (body.run_view_type === 'ALL') return true;
        return (info.lifecycle_stage === 'deleted') === (body.run_view_type === 'DELETED_ONLY');
      })
      .filter(({ tags }) => wanted.every((term) => tags.get(term?.[1] as string) === term?.[2]))
      .sort((a, b) => Number(b.info.start_time) - Number(a.info.start_time));
    const from = Number(body.page_token ?? 0);
    const to = from + Number(body.max_results);
    return {
      body: { runs: found.slice(from, to).map(wireRun), ...(to < found.length ? { next_page_token: String(to) } : {}) },
    };
  };

  /** Of a file; MLflow leaves out a size of 0. */
  const sizeOf = (size: number): { file_size?: number } => (size === 0 ? {} : { file_size: size });

  /** What lies below a place, one level deep. */
  const list = (place: string, prefix: string): unknown => {
    const found = new Map<string, unknown>();
    for (const [path, text] of files) {
      if (!path.startsWith(`${place}/`)) continue;
      const [name = '', ...rest] = path.slice(place.length + 1).split('/');
      const path_ = prefix + name;
      found.set(
        name,
        rest.length > 0
          ? { path: path_, is_dir: true }
          : { path: path_, is_dir: false, ...sizeOf(Buffer.byteLength(text)) },
      );
    }
    return { files: [...found.values()] };
  };

  const api: Readonly<Record<string, (body: Body, query: URLSearchParams) => FakeAnswer>> = {
    'experiments/create': ({ name }) => {
      if ([...experiments.values()].some((one) => one.name === name))
        return refusal('RESOURCE_ALREADY_EXISTS', 'it exists');
      const id = String(experiments.size + 1);
      experiments.set(id, { name: String(name), stage: 'active' });
      return { body: { experiment_id: id } };
    },
    'experiments/get': (_, query) => ({ body: { experiment: wireExperiment(query.get('experiment_id') ?? '') } }),
    'experiments/get-by-name': (_, query) => {
      const found = [...experiments].find(([, { name }]) => name === query.get('experiment_name'));
      return found === undefined ? missing('experiment') : { body: { experiment: wireExperiment(found[0]) } };
    },
    'experiments/search': () => ({ body: { experiments: [...experiments.keys()].map(wireExperiment) } }),
    'runs/create': createRun,
    'runs/get': (_, query) => withRun(query.get('run_id'), (run) => ({ run: wireRun(run) })),
    'runs/update': (body) =>
      withRun(
        body.run_id,
        ({ info }) => {
          for (const field of ['status', 'end_time', 'run_name']) {
            if (body[field] !== undefined) info[field] = body[field] as string | number;
          }
          return {};
        },
        true,
      ),
    'runs/delete': (body) => withRun(body.run_id, (run) => setStage(run, 'deleted'), true),
    'runs/restore': (body) => withRun(body.run_id, (run) => setStage(run, 'active')),
    'runs/search': searchRuns,
    'runs/log-batch': (body) => withRun(body.run_id, (run) => logBatch(run, body), true),
    'runs/delete-tag': (body) =>
      withRun(body.run_id, ({ tags }) => (tags.delete(String(body.key)) ? {} : missing('tag')), true),
    'runs/log-inputs': (body) =>
      withRun(
        body.run_id,
        ({ inputs }) => {
          for (const input of body.datasets as { dataset: { name: string; digest: string } }[]) {
            inputs.set(`${input.dataset.name} ${input.dataset.digest}`, input);
          }
          return {};
        },
        true,
      ),
    'metrics/get-history': (_, query) =>
      withRun(query.get('run_id'), ({ points }) => ({
        metrics: [...points.values()]
          .filter(({ key }) => key === query.get('metric_key'))
          .sort((a, b) => a.timestamp - b.timestamp || a.step - b.step),
      })),
    'artifacts/list': (_, query) =>
      withRun(query.get('run_id'), ({ info }) => {
        const path = query.get('path');
        const root = `${info.experiment_id}/${info.run_id}/artifacts`;
        return list(path === null ? root : `${root}/${path}`, path === null ? '' : `${path}/`);
      }),
  };

  const proxy = (request: SeenRequest, place: string, query: URLSearchParams): FakeAnswer => {
    if (request.method === 'PUT') files.set(place, request.body);
    else if (place === '') return { body: list(query.get('path') ?? '', '') };
    else if (files.has(place)) return { body: files.get(place) };
    else return missing('artifact');
    return {};
  };

  const answer = (request: SeenRequest): FakeAnswer => {
    const { pathname, searchParams } = new URL(request.url, 'http://server');
    const [, artifact] = /^\/api\/2\.0\/mlflow-artifacts\/artifacts\/?(.*)$/.exec(pathname) ?? [];
    if (artifact !== undefined) return proxy(request, decodeURIComponent(artifact), searchParams);
    const handler = api[pathname.slice('/api/2.0/mlflow/'.length)];
    if (handler === undefined) return refusal('NOT_IMPLEMENTED', pathname, 501);
    return handler(request.body === '' ? {} : (JSON.parse(request.body) as Body), searchParams);
  };

  const server = await createFakeServer((request) => {
    const wrong = trouble(request);
    if (wrong !== undefined && wrong !== 'lost') return wrong;
    const right = answer(request);
    return wrong === 'lost' ? { ...right, cut: true, headers: { 'content-length': '99999' } } : right;
  });
  return { ...server, experiments, runs, files };
}

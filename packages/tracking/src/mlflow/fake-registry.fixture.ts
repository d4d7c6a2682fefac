import { createFakeServer, type FakeAnswer, type SeenRequest } from './fake-server.fixture';

/*
 * The registered models of an MLflow server, as far as the registry asks for them: what it answers was compared with MLflow
 * 3.17. Everything is kept in memory, and changed between two requests only.
 */

interface FakeVersion {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly run_id: string;
  readonly creation_timestamp: number;
  description: string;
  deleted: boolean;
  readonly tags: Map<string, string>;
}

interface FakeModel {
  readonly name: string;
  readonly creation_timestamp: number;
  last_updated_timestamp: number;
  readonly description: string;
  readonly tags: Map<string, string>;
  readonly aliases: Map<string, string>;
  readonly versions: FakeVersion[];
}

/** What happens to a request: it is kept but its answer lost, or it fails without being kept. */
export type Mishap = 'lose' | 'fail' | undefined;

const pairs = (tags: ReadonlyMap<string, string>) => [...tags].map(([key, value]) => ({ key, value }));

class Refusal extends Error {
  readonly answer: FakeAnswer;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.answer = { status, body: { error_code: code, message } };
  }
}

const missing = (what: string) => new Refusal(404, 'RESOURCE_DOES_NOT_EXIST', `${what} not found`);

/** Starts a fake registry on loopback. */
export async function createFakeRegistry() {
  const models = new Map<string, FakeModel>();
  /** Content by path behind the proxy. */
  const files = new Map<string, string>();
  let time = 1_700_000_000_000;
  let mishap: (request: SeenRequest) => Mishap = () => undefined;
  let knowsIn = true;

  const modelOf = (name: string): FakeModel => {
    const model = models.get(name);
    if (model === undefined) throw missing(`Registered Model with name=${name}`);
    return model;
  };
  const versionOf = (name: string, version: string): FakeVersion => {
    const found = modelOf(name).versions.find((known) => known.version === version && !known.deleted);
    if (found === undefined) throw missing(`Model Version (name=${name}, version=${version})`);
    return found;
  };
  const showVersion = ({ tags, deleted: _deleted, ...version }: FakeVersion) => ({ ...version, tags: pairs(tags) });
  const showModel = ({ tags, aliases, versions, ...model }: FakeModel) => {
    const last = versions.findLast(({ deleted }) => !deleted);
    return {
      ...model,
      tags: pairs(tags),
      aliases: [...aliases].map(([alias, version]) => ({ alias, version })),
      latest_versions: last === undefined ? [] : [showVersion(last)],
    };
  };

  const world = {
    models,
    files,
    createModel(name: string, tags: Readonly<Record<string, string>> = {}, description = ''): FakeModel {
      if (models.has(name)) throw new Refusal(400, 'RESOURCE_ALREADY_EXISTS', `${name} already exists`);
      const at = ++time;
      const model: FakeModel = {
        name,
        description,
        creation_timestamp: at,
        last_updated_timestamp: at,
        tags: new Map(Object.entries(tags)),
        aliases: new Map(),
        versions: [],
      };
      models.set(name, model);
      return model;
    },
    createVersion(
      name: string,
      draft: { source: string; runId?: string; description?: string; tags?: Readonly<Record<string, string>> },
    ): FakeVersion {
      const model = modelOf(name);
      if (draft.source.startsWith('mlflow-artifacts:') && !draft.runId) {
        throw new Refusal(400, 'INVALID_PARAMETER_VALUE', 'The run_id request parameter must identify the resource');
      }
      model.last_updated_timestamp = ++time;
      const version: FakeVersion = {
        name,
        version: String(model.versions.length + 1),
        source: draft.source,
        run_id: draft.runId ?? '',
        creation_timestamp: time,
        description: draft.description ?? '',
        deleted: false,
        tags: new Map(Object.entries(draft.tags ?? {})),
      };
      model.versions.push(version);
      return version;
    },
    deleteVersion(name: string, version: string): void {
      const model = modelOf(name);
      versionOf(name, version).deleted = true;
      model.last_updated_timestamp = ++time;
      for (const [alias, target] of model.aliases) if (target === version) model.aliases.delete(alias);
    },
    setAlias(name: string, alias: string, version: string): void {
      versionOf(name, version);
      modelOf(name).aliases.set(alias, version);
    },
    deleteAlias: (name: string, alias: string): void => void modelOf(name).aliases.delete(alias),
    /** The versions that are left, as MLflow's users see them. */
    versions: (name: string) => (models.get(name)?.versions ?? []).filter(({ deleted }) => !deleted),
    aliases: (name: string) => Object.fromEntries(models.get(name)?.aliases ?? []),
    /** Milliseconds of the server's clock; every change takes one. */
    now: () => time,
    advance(ms: number): void {
      time += ms;
    },
    meet(what: (request: SeenRequest) => Mishap): void {
      mishap = what;
    },
    /** As servers before 3 are. */
    forgetIn(): void {
      knowsIn = false;
    },
  };

  const searchVersions = (query: URLSearchParams) => {
    const filter = query.get('filter') ?? '';
    const [, name = ''] = /\bname = '([^']*)'/.exec(filter) ?? [];
    const [, first = '1'] = /version_number >= (\d+)/.exec(filter) ?? [];
    const [, key, value] = /tags\.`([^`]+)` = '([^']*)'/.exec(filter) ?? [];
    const found = world
      .versions(name)
      .filter(
        ({ version, tags }) => Number(version) >= Number(first) && (key === undefined || tags.get(key) === value),
      );
    const size = Number(query.get('max_results'));
    return {
      model_versions: found.slice(0, size).map(showVersion),
      ...(found.length > size ? { next_page_token: 'more' } : {}),
    };
  };

  const searchModels = (query: URLSearchParams) => {
    const [, list] = /name IN \(([^)]*)\)/.exec(query.get('filter') ?? '') ?? [];
    if (list !== undefined && !knowsIn) throw new Refusal(400, 'INVALID_PARAMETER_VALUE', 'Invalid comparator IN');
    const names = list?.split(', ').map((name) => name.slice(1, -1));
    return {
      registered_models: [...models.values()]
        .filter(({ name }) => names === undefined || names.includes(name))
        .map(showModel),
    };
  };

  const listFiles = (folder: string) => {
    const found = new Map<string, { path: string; is_dir: boolean; file_size?: number }>();
    for (const [path, content] of files) {
      if (!path.startsWith(`${folder}/`)) continue;
      const [name = '', ...rest] = path.slice(folder.length + 1).split('/');
      const isFolder = rest.length > 0;
      found.set(name, {
        path: name,
        is_dir: isFolder,
        ...(isFolder || content.length === 0 ? {} : { file_size: content.length }),
      });
    }
    return { files: [...found.values()] };
  };

  type Body = Record<string, string> & { tags?: { key: string; value: string }[] };
  const calls: Readonly<Record<string, (body: Body, query: URLSearchParams) => unknown>> = {
    'POST registered-models/create': ({ name = '', description, tags = [] }) => ({
      registered_model: showModel(
        world.createModel(name, Object.fromEntries(tags.map(({ key, value }) => [key, value])), description),
      ),
    }),
    'GET registered-models/get': (_, query) => ({ registered_model: showModel(modelOf(query.get('name') ?? '')) }),
    'GET registered-models/search': (_, query) => searchModels(query),
    'POST registered-models/alias': ({ name = '', alias = '', version = '' }) => world.setAlias(name, alias, version),
    'DELETE registered-models/alias': ({ name = '', alias = '' }) => world.deleteAlias(name, alias),
    'POST model-versions/create': ({ name = '', source = '', run_id: runId, description, tags = [] }) => ({
      model_version: showVersion(
        world.createVersion(name, {
          source,
          ...(runId && { runId }),
          ...(description && { description }),
          tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
        }),
      ),
    }),
    'GET model-versions/search': (_, query) => searchVersions(query),
    'PATCH model-versions/update': ({ name = '', version = '', description = '' }) => {
      versionOf(name, version).description = description;
      modelOf(name).last_updated_timestamp = ++time;
    },
    'DELETE model-versions/delete': ({ name = '', version = '' }) => world.deleteVersion(name, version),
    'POST model-versions/set-tag': ({ name = '', version = '', key = '', value = '' }) =>
      versionOf(name, version).tags.set(key, value),
    'DELETE model-versions/delete-tag': ({ name = '', version = '', key = '' }) =>
      versionOf(name, version).tags.delete(key),
    'GET model-versions/get-download-uri': (_, query) => ({
      artifact_uri: versionOf(query.get('name') ?? '', query.get('version') ?? '').source,
    }),
    'GET runs/get': (_, query) => {
      const id = query.get('run_id') ?? '';
      return { run: { info: { run_id: id, experiment_id: '1', artifact_uri: `mlflow-artifacts:/1/${id}/artifacts` } } };
    },
  };

  const answer = (request: SeenRequest): FakeAnswer => {
    const { pathname, searchParams } = new URL(request.url, 'http://fake');
    const proxied = /^\/api\/2\.0\/mlflow-artifacts\/artifacts(?:\/(.*))?$/.exec(pathname);
    if (proxied?.[1] !== undefined) {
      const content = files.get(decodeURIComponent(proxied[1]));
      if (content === undefined) throw missing('No such artifact');
      return { body: content };
    }
    if (proxied !== null) return { body: listFiles(searchParams.get('path') ?? '') };
    const call = calls[`${request.method} ${pathname.replace('/api/2.0/mlflow/', '')}`];
    if (call === undefined) throw new Error(`The fake registry knows no ${request.method} ${pathname}`);
    const body = call(JSON.parse(request.body || '{}') as Body, searchParams);
    return { body: typeof body === 'object' && !(body instanceof Map) ? body : {} };
  };

  const server = await createFakeServer((request) => {
    const fate = mishap(request);
    if (fate === 'fail') return { status: 500, body: { error_code: 'INTERNAL_ERROR', message: 'giving up' } };
    try {
      const given = answer(request);
      return fate === 'lose' ? { body: '{"', headers: { 'content-length': '100' }, cut: true } : given;
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      return { status: 501, body: { error_code: 'NOT_IMPLEMENTED', message: String(error) } };
    }
  });
  return { ...server, ...world };
}

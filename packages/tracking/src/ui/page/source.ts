import { fromText } from '../../embedded/event-codec';
import type { ErrorAnswer, ModelAnswer, RegistryOrder, RunAnswer } from '../answers';
import type { ReportData } from '../report-data';

/** What a request came to, where it failed. */
export class RequestFailure extends Error {
  override readonly name = 'RequestFailure';

  constructor(readonly answer: ErrorAnswer['error']) {
    super(answer.message);
  }
}

/** Where the page has its data from: the server that sent it, or itself. */
export interface Source {
  /** `false` in a report, which is a moment of the past. */
  readonly live: boolean;
  /** @throws RequestFailure */
  get<T>(path: string): Promise<T>;
  /** Calls back with an answer and whenever it becomes another; what comes back ends it. */
  watch<T>(path: string, onAnswer: (answer: T) => void, onFailure: (failure: RequestFailure) => void): () => void;
  /** Changes a model. @throws RequestFailure */
  changeModel(name: string, order: RegistryOrder): Promise<ModelAnswer>;
  /** Sets tags of a run. @throws RequestFailure */
  setTags(run: string, tags: Readonly<Record<string, string>>): Promise<RunAnswer>;
  /** Where an artifact's bytes are; `undefined` where a report does not have them. */
  artifactUrl(run: string, name: string, download?: boolean): string | undefined;
  /** An artifact as text. @throws RequestFailure */
  artifactText(run: string, name: string): Promise<string>;
}

async function request<T>(path: string, init?: RequestInit): Promise<T> {
  const failed = (message: string) => new RequestFailure({ code: 'REMOTE_FAILED', message });
  const response = await fetch(path, init).catch(() => {
    throw failed('The server does not answer. Is `fairlead-tracking ui` still running?');
  });
  const text = await response.text();
  if (!response.headers.get('content-type')?.startsWith('application/json')) {
    throw failed(`The server answered ${response.status}.`);
  }
  const answer = fromText(text);
  if (!response.ok) throw new RequestFailure((answer as ErrorAnswer).error);
  return answer as T;
}

/** Watches while the page is seen: a tab in the background holds no connection. */
function watchLive<T>(path: string, onAnswer: (answer: T) => void, onFailure: (failure: RequestFailure) => void) {
  let stream: EventSource | undefined;
  const open = (): void => {
    stream = new EventSource(`/api/live/${path}`);
    stream.addEventListener('change', ({ data }: MessageEvent<string>) => onAnswer(fromText(data) as T));
    stream.addEventListener('failure', ({ data }: MessageEvent<string>) =>
      onFailure(new RequestFailure((fromText(data) as ErrorAnswer).error)),
    );
    stream.onerror = () =>
      onFailure(
        new RequestFailure({
          code: 'REMOTE_FAILED',
          message: 'The server does not answer. Is `fairlead-tracking ui` still running? Trying again.',
        }),
      );
  };
  const shut = (): void => {
    stream?.close();
    stream = undefined;
  };
  const onSight = (): void => {
    shut();
    if (document.visibilityState === 'visible') open();
  };
  onSight();
  document.addEventListener('visibilitychange', onSight);
  return () => {
    document.removeEventListener('visibilitychange', onSight);
    shut();
  };
}

/** The server that sent the page. */
export function serverSource(token: string): Source {
  const artifactPath = (run: string, name: string): string =>
    `/api/runs/${encodeURIComponent(run)}/artifacts/${encodeURIComponent(name)}`;
  const post = <T>(path: string, body: unknown): Promise<T> =>
    request(`/api/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-fairlead-token': token },
      body: JSON.stringify(body),
    });
  return {
    live: true,
    get: (path) => request(`/api/${path}`),
    watch: watchLive,
    changeModel: (name, order) => post(`models/${encodeURIComponent(name)}`, order),
    setTags: (run, tags) => post(`runs/${encodeURIComponent(run)}`, { tags }),
    artifactUrl: (run, name, download = false) => `${artifactPath(run, name)}${download ? '?download' : ''}`,
    async artifactText(run, name) {
      const response = await fetch(artifactPath(run, name));
      const text = await response.text();
      if (!response.ok) throw new RequestFailure((fromText(text) as ErrorAnswer).error);
      return text;
    },
  };
}

/** What a report carries. */
export function reportSource(report: ReportData): Source {
  const missing = (): RequestFailure =>
    new RequestFailure({ code: 'NOT_FOUND', message: 'This report does not hold that.' });
  const find = (path: string): unknown => {
    const [place = '', text = ''] = path.split('?');
    const query = new URLSearchParams(text);
    if (place === 'compare') return report.comparison;
    const lineage = /^runs\/([0-9a-f]+)\/lineage$/.exec(place)?.[1];
    if (lineage !== undefined) return report.lineages[lineage];
    if (place.startsWith('runs/')) return report.runs.find(({ run }) => `runs/${run.id}` === place);
    if (place !== 'histories') return undefined;
    const [runs, keys] = [query.getAll('run'), query.getAll('key')];
    return report.histories.filter(({ run, key }) => runs.includes(run) && keys.includes(key));
  };
  const get = async <T>(path: string): Promise<T> => {
    const found = find(path);
    if (found === undefined) throw missing();
    return found as T;
  };
  const artifactUrl = (run: string, name: string): string | undefined => {
    const key = `${run}/${name}`;
    return Object.hasOwn(report.artifacts, key) ? report.artifacts[key] : undefined;
  };
  return {
    live: false,
    get,
    watch<T>(path: string, onAnswer: (answer: T) => void, onFailure: (failure: RequestFailure) => void) {
      get<T>(path).then(onAnswer, onFailure);
      return () => undefined;
    },
    changeModel: () => Promise.reject(missing()),
    setTags: () => Promise.reject(missing()),
    artifactUrl,
    async artifactText(run, name) {
      const base64 = artifactUrl(run, name)?.split('base64,')[1];
      if (base64 === undefined) throw missing();
      return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
    },
  };
}

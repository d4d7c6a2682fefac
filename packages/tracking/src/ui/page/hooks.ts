import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { HistoryAnswer } from '../answers';
import { parseRoute, type Route } from './route';
import { RequestFailure, type Source } from './source';

/** The page's data. */
export const SourceContext = createContext<Source | undefined>(undefined);

/** The page's data. */
export function useSource(): Source {
  const source = useContext(SourceContext);
  if (source === undefined) throw new Error('There is no source above this component.');
  return source;
}

/** An answer as it is at the moment. */
export interface Answered<T> {
  /** Absent until the first arrived. After a change of what is asked, the old one stays until the new one arrives. */
  readonly answer?: T;
  readonly failure?: RequestFailure;
  /** Whether the answer belongs to what was asked last. */
  readonly current: boolean;
}

/** Watches a path; `undefined` watches nothing. */
export function useAnswer<T>(path: string | undefined): Answered<T> {
  const source = useSource();
  const [state, setState] = useState<{ path: string | undefined; answer?: T; failure?: RequestFailure }>({ path });
  useEffect(() => {
    if (path === undefined) return;
    return source.watch<T>(
      path,
      (answer) => setState({ path, answer }),
      (failure) => setState((before) => ({ ...before, path, failure })),
    );
  }, [source, path]);
  return { ...state, current: state.path === path };
}

/** Fetches a path once, and anew whenever `version` differs. */
export function useFetched<T>(
  path: string,
  version: string,
): { readonly answer?: T; readonly failure?: RequestFailure } {
  const source = useSource();
  const [state, setState] = useState<{ answer?: T; failure?: RequestFailure }>({});
  useEffect(() => {
    let dropped = false;
    source.get<T>(path).then(
      (answer) => {
        if (!dropped) setState({ answer });
      },
      (failure: unknown) => {
        if (!dropped && failure instanceof RequestFailure) setState((before) => ({ ...before, failure }));
      },
    );
    return () => {
      dropped = true;
    };
  }, [source, path, version]);
  return state;
}

/** Where the page is. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = (): void => setHash(location.hash);
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return parseRoute(hash);
}

/** A setting that the browser keeps; where it keeps nothing, as for a file, it lasts as long as the page. */
export function useKept<T>(name: string, fallback: T): [T, (value: T) => void] {
  const key = `fairlead:${name}`;
  const [value, setValue] = useState<T>(() => {
    try {
      return JSON.parse(localStorage.getItem(key) ?? '') as T;
    } catch {
      return fallback;
    }
  });
  return [
    value,
    (next) => {
      setValue(next);
      try {
        localStorage.setItem(key, JSON.stringify(next));
      } catch {
        // The page works without.
      }
    },
  ];
}

/** Least time between two fetches of the same points, in milliseconds. */
const pauseMs = 1000;

/**
 * Points of metrics of runs, fetched anew whenever there are more.
 * @param version anything that differs when there are more points
 */
export function useHistories(
  runs: readonly string[],
  keys: readonly string[],
  version: string,
): { readonly histories: readonly HistoryAnswer[]; readonly failure?: RequestFailure } {
  const source = useSource();
  const [state, setState] = useState<{ histories: readonly HistoryAnswer[]; failure?: RequestFailure }>({
    histories: [],
  });
  const fetchedAt = useRef(0);
  const query = new URLSearchParams([
    ...runs.map((run) => ['run', run] as [string, string]),
    ...keys.map((key) => ['key', key] as [string, string]),
  ]).toString();
  useEffect(() => {
    if (keys.length === 0 || runs.length === 0) return;
    let dropped = false;
    const wait = Math.max(0, fetchedAt.current + pauseMs - performance.now());
    const timer = setTimeout(() => {
      fetchedAt.current = performance.now();
      source.get<readonly HistoryAnswer[]>(`histories?${query}`).then(
        (histories) => dropped || setState({ histories }),
        (failure: unknown) => {
          if (!dropped && failure instanceof RequestFailure) setState((before) => ({ ...before, failure }));
        },
      );
    }, wait);
    return () => {
      dropped = true;
      clearTimeout(timer);
    };
  }, [source, query, version]);
  return state;
}

/** The time, again and again, for what counts from a moment. */
export function useNow(periodMs: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), periodMs);
    return () => clearInterval(timer);
  }, [periodMs]);
  return now;
}

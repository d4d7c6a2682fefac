import type { RunPage, RunQuery } from '../search/query';
import { toText } from './event-codec';

/** So many answers are kept. */
const mostKept = 32;
/** Larger ones are not: they would keep what nobody asks for again. */
const mostRuns = 1000;

/** Answers of searches, for as long as no run changes. */
export interface Answers {
  get(query: RunQuery): RunPage | undefined;
  /** Keeps an answer, and answers it. */
  keep(query: RunQuery, page: RunPage): RunPage;
}

/**
 * Remembers what was answered: whoever watches a search, as the page in a browser does, asks the same again and again, and of
 * a hundred thousand runs each answer takes a while.
 *
 * @param version differs whenever a run has changed
 */
export function createAnswers(version: () => number): Answers {
  const kept = new Map<string, RunPage>();
  let keptVersion = version();
  return {
    get(query) {
      if (keptVersion === version()) return kept.get(toText(query));
      kept.clear();
      keptVersion = version();
      return undefined;
    },
    keep(query, page) {
      if (page.runs.length > mostRuns || keptVersion !== version()) return page;
      for (const oldest of kept.keys()) {
        if (kept.size < mostKept) break;
        kept.delete(oldest);
      }
      kept.set(toText(query), page);
      return page;
    },
  };
}

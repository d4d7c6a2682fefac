import { createFailureLog } from '../failure-log';
import type { ServingProtocol } from '../protocol';
import { csv } from './csv';
import { ndjson } from './ndjson';
import { type BatchScoringOptions, parseBatchScoringOptions } from './options';
import { scoreRows } from './score';

/**
 * Batch scoring: many rows in one body, answered row by row while the rest still comes.
 *
 * `POST /v1/batch/M[/versions/V]` with `application/x-ndjson`, `text/csv` or another of the `formats`, packed by gzip or deflate if the
 * client likes; `accept` chooses the format of the answer, that of the body by default. Rows are answered in their order, each with
 * its `index` and its `id`; one that fails is a row with `error` and `code`. A request that breaks in the middle ends with a
 * row that has an error and no index.
 *
 * Rows go to the runner with low priority, as many at once as it takes, and a client that does not read its answer stops them.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function batchScoring(options?: BatchScoringOptions): ServingProtocol {
  const settings = parseBatchScoringOptions(options);
  const formats = [ndjson, csv, ...settings.formats];
  return {
    name: 'batch',
    addRoutes(routes, { host }) {
      const logFailure = createFailureLog(host.logger, host.clock);
      for (const path of ['/v1/batch/:model', '/v1/batch/:model/versions/:version']) {
        routes.add('POST', path, 'infer', (request, _parameters, call) =>
          scoreRows(host, settings, formats, logFailure, request, call),
        );
      }
    },
    describe: async (_route, model) => (await import('./describe')).describeBatch(model, formats, settings.columns),
  };
}

import { describe, expect, it } from 'vitest';
import { parseFilter } from '../../search/parse-filter';
import type { MlflowRun } from '../runs';
import { pushDown } from './push-down';
import type { RunIds } from './run-ids';

const ids: RunIds = {
  find: async () => undefined,
  search: async () => undefined,
  serverIdOf: async (id) => (id === 'p1' ? 'server-p1' : undefined),
  parentOf: async () => undefined,
  learn: (_run: MlflowRun) => undefined,
};

const filtersOf = async (text: string): Promise<readonly string[]> =>
  (await pushDown(parseFilter(text), ids, {})).filters;
const ties = "tags.`fairlead.ties` = 'true'";

describe('what a server is asked for', () => {
  it.each([
    ["params.opt = 'adam' AND tags.team = 'a'", ["params.`opt` = 'adam' AND tags.`team` = 'a'"]],
    // What we compare as a number or boolean, the server would compare as text.
    ["params.lr = '0.1'", ['']],
    ['params.lr = 0.1', ['']],
    ["params.on = 'True'", ['']],
    ["params.lr != 'x' OR params.lr = 'y'", ['']],
    ["NOT params.opt = 'adam'", ['']],
    ["params.opt LIKE 'a%'", ['']],
    ['params.opt IS NOT NULL', ['params.`opt` IS NOT NULL']],
    ['params.opt IS NULL', ['']],
    // Those of ours are not the user's.
    ["tags.`fairlead.run_id` = 'x'", ['']],
    ["tags.`mlflow.runName` = 'x'", ['']],
    // A run whose process died is RUNNING there, and KILLED here.
    ["status = 'FINISHED'", ["attributes.status = 'FINISHED'"]],
    ["status = 'INTERRUPTED'", ["attributes.status = 'KILLED'"]],
    ["status = 'KILLED'", ["attributes.status != 'FINISHED' AND attributes.status != 'FAILED'"]],
    ["status != 'KILLED'", ['']],
    ["name = 'a'", ["attributes.run_name = 'a'"]],
    ['start_time > 5', ['attributes.start_time > 5']],
    ['end_time > 5', ['']],
    [`dataset.digest = '${'ab'.repeat(32)}'`, [`dataset.digest = '${'ab'.repeat(18)}'`]],
    ['metrics.loss < 0.5', ['metrics.`loss` < 0.5', ties]],
    [
      "metrics.loss < 0.5 AND params.opt = 'adam'",
      ["params.`opt` = 'adam' AND metrics.`loss` < 0.5", `params.\`opt\` = 'adam' AND ${ties}`],
    ],
    // NaN is 0 there, and differs from every number here.
    ['metrics.loss != 0', ['']],
    ["parent = 'p1'", ["tags.`fairlead.parent` = 'p1'", "tags.`mlflow.parentRunId` = 'server-p1'"]],
    ["parent = 'theirs'", ["tags.`fairlead.parent` = 'theirs'", "tags.`mlflow.parentRunId` = 'theirs'"]],
  ])('%s', async (text, filters) => {
    expect(await filtersOf(text)).toEqual(filters);
  });

  it('is one run, or one experiment, where only that can match', async () => {
    const filter = parseFilter("id = 'x' AND experiment = 'e'");
    expect(await pushDown(filter, ids, {})).toEqual({ filters: [''], id: 'x', experiment: 'e' });
    expect(await pushDown(undefined, ids, {})).toEqual({ filters: [''] });
  });
});

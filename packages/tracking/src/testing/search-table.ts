import { and, field, not, or } from '../search/field-builder';
import type { FilterNode } from '../search/query';
import type { ParamValue } from '../store/stored-run';

/* Runs that are searched, and what is to be found among them. */

/** A run as it is made. */
export interface RunDraft {
  readonly params?: Readonly<Record<string, ParamValue>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly dataset?: string;
  readonly failed?: true;
  /** Of another experiment than the others. */
  readonly elsewhere?: true;
}

/** By their names, in the order in which they are made. */
export const drafts: Readonly<Record<string, RunDraft>> = {
  alpha: {
    params: { lr: 0.1, net: 'cnn', bias: true },
    tags: { team: 'vision' },
    metrics: { loss: 0.5, 'val/acc': 0.7 },
  },
  beta: {
    params: { lr: 0.01, net: 'CNN large' },
    tags: { team: 'speech', 'a b.c': "it's" },
    metrics: { loss: 0.25 },
    dataset: 'mnist',
  },
  gamma: {
    params: { lr: '1e-02', net: 'mlp' },
    tags: { team: 'Vision' },
    metrics: { loss: Number.NaN, 'val/acc': 0.9 },
    failed: true,
  },
  delta: { params: { lr: 10, bias: false }, metrics: { loss: Number.POSITIVE_INFINITY }, elsewhere: true },
  epsilon: { tags: { team: '' }, metrics: { loss: -1 }, dataset: 'letters' },
  zeta: { params: { net: '100% m_lp' } },
};

/** Filters, and the names of the runs that each finds. */
export const filters: readonly (readonly [filter: string, found: string])[] = [
  ['', 'alpha beta gamma delta epsilon zeta'],
  ['metrics.loss < 0.5', 'beta epsilon'],
  ['metrics.loss <= 0.5', 'alpha beta epsilon'],
  ['metrics.loss > 0.25', 'alpha delta'],
  ['metrics.loss >= 0.25', 'alpha beta delta'],
  ['metrics.loss = 0.25', 'beta'],
  ['metrics.loss = NaN', 'gamma'],
  ['metrics.loss = Infinity', 'delta'],
  ['metrics.loss != 0.25', 'alpha gamma delta epsilon'],
  ['metrics.loss IN (0.5, -1)', 'alpha epsilon'],
  ['metrics.loss NOT IN (0.5, -1)', 'beta gamma delta'],
  ['metrics.`val/acc` IS NULL', 'beta delta epsilon zeta'],
  ['metrics.val/acc IS NOT NULL', 'alpha gamma'],
  ["params.net = 'cnn'", 'alpha'],
  ["params.net != 'cnn'", 'beta gamma zeta'],
  ["params.net LIKE 'c%'", 'alpha'],
  ["params.net ILIKE 'c%'", 'alpha beta'],
  ["params.net LIKE '%m_p'", 'gamma'],
  ["params.net IN ('cnn', 'mlp')", 'alpha gamma'],
  ["params.net NOT IN ('cnn', 'mlp')", 'beta zeta'],
  ['params.lr = 0.01', 'beta gamma'],
  ['params.lr < 0.1', 'beta gamma'],
  ['params.lr > 0.05', 'alpha delta'],
  ['params.bias = true', 'alpha'],
  ['params.bias IS NULL', 'beta gamma epsilon zeta'],
  ["tags.team = 'vision'", 'alpha'],
  ["tags.team != 'vision'", 'beta gamma epsilon'],
  ["tags.team ILIKE 'vis%'", 'alpha gamma'],
  ["tags.team = ''", 'epsilon'],
  ["tags.`a b.c` = 'it''s'", 'beta'],
  ["dataset.name = 'mnist'", 'beta'],
  ["dataset.name != 'mnist'", 'epsilon'],
  ["dataset.digest LIKE '11%' AND dataset.context = 'training'", 'beta epsilon'],
  ['dataset.name IS NULL', 'alpha gamma delta zeta'],
  ["status = 'FAILED'", 'gamma'],
  ["status != 'FINISHED'", 'gamma'],
  ["status IN ('FAILED', 'KILLED')", 'gamma'],
  ["name = 'zeta'", 'zeta'],
  ["name LIKE '%eta'", 'beta zeta'],
  ["attributes.run_name ILIKE 'EPS%'", 'epsilon'],
  ['parent IS NOT NULL', 'beta'],
  ['end_time IS NULL', ''],
  ['start_time > 1000 AND end_time >= 1000', 'alpha beta gamma delta epsilon zeta'],
  ["metrics.loss > 0 AND params.lr < 0.05 AND tags.team = 'speech'", 'beta'],
  ["tags.team = 'vision' OR metrics.loss = -1", 'alpha epsilon'],
  ["NOT tags.team = 'vision'", 'beta gamma delta epsilon zeta'],
  ["(tags.team = 'vision' OR params.lr = 10) AND metrics.loss > 0.4", 'alpha delta'],
  ["NOT (params.net = 'cnn' OR params.net = 'mlp') AND metrics.loss IS NOT NULL", 'beta delta epsilon'],
  ["tags.team = 'nobody'", ''],
];

/** The same for filters that were built. */
export const built: readonly (readonly [filter: FilterNode, found: string])[] = [
  [field.metric('val/acc').atLeast(0.8), 'gamma'],
  [and(field.param('net').exists(), not(field.tag('team').exists())), 'zeta'],
  [or(field.name.equals('alpha'), field.datasetName.isOneOf(['letters', 'mnist'])), 'alpha beta epsilon'],
];

/** Orders, and the names of the runs as each has them; ties go to the run that started later. */
export const orders: readonly (readonly [orderBy: readonly string[], names: string])[] = [
  [[], 'zeta epsilon delta gamma beta alpha'],
  [['start_time ASC'], 'alpha beta gamma delta epsilon zeta'],
  [['metrics.loss'], 'epsilon beta alpha delta gamma zeta'],
  [['metrics.loss DESC'], 'delta alpha beta epsilon gamma zeta'],
  [['params.lr ASC', 'name DESC'], 'gamma beta alpha delta zeta epsilon'],
  [['params.net'], 'zeta beta alpha gamma epsilon delta'],
  [['tags.team DESC'], 'alpha beta gamma epsilon zeta delta'],
  [['status', 'name'], 'gamma alpha beta delta epsilon zeta'],
  [['experiment DESC', 'start_time'], 'delta alpha beta gamma epsilon zeta'],
];

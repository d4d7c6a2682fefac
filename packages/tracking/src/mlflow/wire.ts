import * as z from 'zod/mini';

/*
 * What MLflow's API answers, as far as it is read; what else is there is let be. Empty lists and empty texts are left out
 * by the server.
 */

/** A name with a value, as MLflow writes tags and parameters. */
export interface MlflowPair {
  readonly key: string;
  readonly value: string;
}

const text = z._default(z.string(), '');
/** 64-bit numbers come as numbers or as texts. */
const whole = z.pipe(
  z.union([z.number(), z.string()]),
  z.transform((value): number => Number(value)),
);
const time = z.optional(whole);
const pair = z.object({ key: z.string(), value: text });
const pairs = z._default(z.array(pair), []);

/** The server keeps the infinities as the largest numbers there are, and writes NaN as a text. */
const metricValue = z.pipe(
  z.union([z.number(), z.string()]),
  z.transform((value): number => {
    const number = Number(value);
    return Math.abs(number) === Number.MAX_VALUE ? Math.sign(number) * Number.POSITIVE_INFINITY : number;
  }),
);

const metric = z.object({
  key: z.string(),
  value: metricValue,
  timestamp: z._default(whole, 0),
  step: z._default(whole, 0),
});

const dataset = z.object({
  name: text,
  digest: text,
  source_type: text,
  source: text,
  schema: z.optional(z.string()),
  profile: z.optional(z.string()),
});

const runInfo = z.object({
  run_id: z.string(),
  experiment_id: z.string(),
  run_name: text,
  status: text,
  start_time: time,
  end_time: time,
  artifact_uri: text,
  lifecycle_stage: text,
});

const run = z.object({
  info: runInfo,
  data: z._default(z.object({ metrics: z._default(z.array(metric), []), params: pairs, tags: pairs }), {
    metrics: [],
    params: [],
    tags: [],
  }),
  inputs: z._default(z.object({ dataset_inputs: z._default(z.array(z.object({ dataset, tags: pairs })), []) }), {
    dataset_inputs: [],
  }),
});

const experiment = z.object({
  experiment_id: z.string(),
  name: text,
  artifact_location: text,
  lifecycle_stage: text,
  creation_time: time,
  last_update_time: time,
  tags: pairs,
});

const version = z.object({
  name: z.string(),
  version: z.string(),
  creation_timestamp: time,
  last_updated_timestamp: time,
  description: text,
  source: text,
  run_id: text,
  status: text,
  tags: pairs,
  aliases: z._default(z.array(z.string()), []),
});

const registeredModel = z.object({
  name: z.string(),
  creation_timestamp: time,
  last_updated_timestamp: time,
  description: text,
  tags: pairs,
  aliases: z._default(z.array(z.object({ alias: z.string(), version: z.string() })), []),
  latest_versions: z._default(z.array(version), []),
});

const nextPage = z.optional(z.string());

/** The answers by what is asked. */
export const answers = {
  experimentId: z.object({ experiment_id: z.string() }),
  experiment: z.object({ experiment }),
  experiments: z.object({ experiments: z._default(z.array(experiment), []), next_page_token: nextPage }),
  run: z.object({ run }),
  runs: z.object({ runs: z._default(z.array(run), []), next_page_token: nextPage }),
  metrics: z.object({ metrics: z._default(z.array(metric), []), next_page_token: nextPage }),
  files: z.object({
    files: z._default(
      // MLflow leaves out a size of 0.
      z.array(z.object({ path: z.string(), is_dir: z._default(z.boolean(), false), file_size: z._default(whole, 0) })),
      [],
    ),
    next_page_token: nextPage,
  }),
  model: z.object({ registered_model: registeredModel }),
  models: z.object({ registered_models: z._default(z.array(registeredModel), []), next_page_token: nextPage }),
  version: z.object({ model_version: version }),
  versions: z.object({ model_versions: z._default(z.array(version), []), next_page_token: nextPage }),
  multipart: z.object({
    upload_id: text,
    credentials: z._default(
      z.array(
        z.object({
          url: z.string(),
          part_number: whole,
          headers: z._default(z.record(z.string(), z.string()), {}),
        }),
      ),
      [],
    ),
  }),
  downloadUri: z.object({ artifact_uri: z.string() }),
};

export type WireRun = z.output<typeof run>;
export type WireExperiment = z.output<typeof experiment>;
export type WireVersion = z.output<typeof version>;
export type WireModel = z.output<typeof registeredModel>;

/** Pairs as an object. */
export function toRecord(list: readonly MlflowPair[]): Readonly<Record<string, string>> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}

/** An object as pairs. */
export function toPairs(record: Readonly<Record<string, string>>): MlflowPair[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}

/** A page of something. */
export interface MlflowPage<T> {
  readonly items: readonly T[];
  /** Asks for the next page; absent on the last. */
  readonly nextPageToken?: string;
}

/** A page of what the server answered. */
export function toPage<T>(items: readonly T[], token: string | undefined): MlflowPage<T> {
  return token ? { items, nextPageToken: token } : { items };
}

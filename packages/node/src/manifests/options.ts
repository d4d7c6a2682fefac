import { parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { optionError } from '../option-error';

/** What a container may take. */
export interface ContainerResources {
  /** Processors, as Kubernetes writes them: `2`, `500m`. Request and limit: `lanes: 'auto'` then counts what it really has. @default '1' */
  readonly cpu?: string;
  /** Memory, as Kubernetes writes it: `1Gi`. Request and limit. @default '1Gi' */
  readonly memory?: string;
}

/** Scaling by the load of the processors: a HorizontalPodAutoscaler. */
export interface HorizontalScaling {
  readonly by: 'cpu';
  /** Per cent of the requested processors. 1 to 100. @default 70 */
  readonly targetPercent?: number;
}

/** Scaling by a query to Prometheus: a ScaledObject of KEDA. */
export interface KedaScaling {
  readonly by: 'prometheus';
  /** Where Prometheus is, as KEDA reaches it: `http://prometheus.monitoring:9090`. */
  readonly serverAddress: string;
  /**
   * Has to be given with `kserve`, whose pods are scraped under a job of yours.
   * @default the requests that wait or are being computed, of all pods: `sum(ml_prediction_pending_requests{…})`
   */
  readonly query?: string;
  /** Of the query's value, for each pod. More than 0. @default 16 */
  readonly threshold?: number;
}

/** How KServe deploys the model. */
export interface KServeOptions {
  /** Where KServe fetches the model from; it lies at `/mnt/models` then. @default none: the image has it */
  readonly storageUri?: string;
  /**
   * `Standard` is a Deployment, `Knative` scales by requests, down to none too. KServe before 0.16 knows them as `RawDeployment` and
   * `Serverless`, and knows no others; since 0.16 it refuses a `RawDeployment` that scales by processors.
   * @default 'Standard'
   */
  readonly deploymentMode?: 'Standard' | 'Knative' | 'RawDeployment' | 'Serverless';
  /** Per cent of the requests that the newest revision gets; on Knative alone. 0 to 100. @default all */
  readonly canaryTrafficPercent?: number;
}

/** Options of {@link createManifests}. */
export interface ManifestOptions {
  /** Of every object: lower-case letters, digits and dashes, a letter first, at most 63. */
  readonly name: string;
  /** The image, with its tag or digest. */
  readonly image: string;
  /** @default that in which they are applied */
  readonly namespace?: string;
  /** Where `serve()` listens. 1024 to 65535: lower ones need rights that the container does not have. @default 8080 */
  readonly port?: number;
  /** Where gRPC is served, when it is. @default none */
  readonly grpcPort?: number;
  /** The `basePath` of `serve()`: begins with a slash and ends without. @default '' */
  readonly basePath?: string;
  /** Fewest pods. 1 or more; 0 with KEDA or KServe. @default 2 */
  readonly minReplicas?: number;
  /** Most pods. @default 10, or `minReplicas` where that is more */
  readonly maxReplicas?: number;
  readonly resources?: ContainerResources;
  /** `false`: as many pods as `minReplicas` says. @default { by: 'cpu' } */
  readonly scaling?: HorizontalScaling | KedaScaling | false;
  /** Whether `/metrics` is served, and a ServiceMonitor tells Prometheus so. @default true */
  readonly metrics?: boolean;
  /** Whether a NetworkPolicy closes all ports but those that are served. @default true */
  readonly networkPolicy?: boolean;
  /** Environment variables. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Labels of every object, beside `app.kubernetes.io/name`. @default none */
  readonly labels?: Readonly<Record<string, string>>;
  /** Seconds that loading and warming up may take. 10 or more. @default 300 */
  readonly startupSeconds?: number;
  /** The `drainDelayMs` of `serve()`. @default 100 */
  readonly drainDelayMs?: number;
  /** The `drainTimeoutMs` of `serve()`. @default 30000 */
  readonly drainTimeoutMs?: number;
  /** An InferenceService of KServe in place of Deployment, Service and autoscaler. @default none */
  readonly kserve?: KServeOptions | true;
}

const word = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const reference =
  /^[a-z0-9]+([._-]+[a-z0-9]+)*(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;
const quantity = /^(\d+(\.\d+)?)(m|[kMGTPE]i?)?$/;
const labelKey = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const variable = /^[A-Za-z_][A-Za-z0-9_]*$/;

const matching = (pattern: RegExp, expected: string) => z.string().check(z.regex(pattern, expected));
const nameText = 'lower-case letters, digits and dashes, a letter first, at most 63';
const port = z.int().check(z.minimum(1024), z.maximum(65_535));
const milliseconds = z.number().check(z.minimum(0), z.maximum(3_600_000));
const percent = (lowest: number) => z.int().check(z.minimum(lowest), z.maximum(100));

const scalingSchema = z.union([
  z.literal(false),
  z.strictObject({ by: z.literal('cpu'), targetPercent: z._default(percent(1), 70) }),
  z.strictObject({
    by: z.literal('prometheus'),
    serverAddress: z
      .string()
      .check(z.regex(/^https?:\/\/\S+$/, 'an address such as http://prometheus.monitoring:9090')),
    query: z.optional(z.string().check(z.minLength(1))),
    threshold: z._default(z.number().check(z.gt(0)), 16),
  }),
]);

const schema = z.strictObject({
  name: matching(word, nameText),
  image: matching(reference, 'the name of an image, such as registry.example/digits:1.0'),
  namespace: z.optional(matching(word, nameText)),
  port: z._default(port, 8080),
  grpcPort: z.optional(port),
  basePath: z._default(matching(/^(\/[^/\s?#]+)*$/, 'a path that begins with a slash and ends without'), ''),
  minReplicas: z._default(z.int().check(z.minimum(0), z.maximum(10_000)), 2),
  maxReplicas: z.optional(z.int().check(z.minimum(1), z.maximum(10_000))),
  resources: z._default(
    z.strictObject({
      cpu: z._default(matching(quantity, 'a quantity such as 2 or 500m'), '1'),
      memory: z._default(matching(quantity, 'a quantity such as 1Gi'), '1Gi'),
    }),
    { cpu: '1', memory: '1Gi' },
  ),
  scaling: z._default(scalingSchema, { by: 'cpu' as const, targetPercent: 70 }),
  metrics: z._default(z.boolean(), true),
  networkPolicy: z._default(z.boolean(), true),
  env: z._default(z.record(matching(variable, 'the name of an environment variable'), z.string()), {}),
  labels: z._default(
    z.record(matching(labelKey, 'the name of a label'), matching(labelValue, 'the value of a label')),
    {},
  ),
  startupSeconds: z._default(z.int().check(z.minimum(10), z.maximum(86_400)), 300),
  drainDelayMs: z._default(milliseconds, 100),
  drainTimeoutMs: z._default(milliseconds, 30_000),
  kserve: z.optional(
    z.union([
      z.literal(true),
      z.strictObject({
        storageUri: z.optional(
          z.string().check(z.regex(/^[a-z][a-z0-9+.-]*:\/\/\S+$/, 'an address such as s3://bucket/model')),
        ),
        deploymentMode: z._default(z.enum(['Standard', 'Knative', 'RawDeployment', 'Serverless']), 'Standard'),
        canaryTrafficPercent: z.optional(percent(0)),
      }),
    ]),
  ),
});

/** {@link ManifestOptions} as they are used. */
export type ManifestSettings = ReturnType<typeof parseManifestOptions>;

/** @throws FairleadError `INVALID_OPTION` */
export function parseManifestOptions(options: ManifestOptions) {
  const parsed = parseOptions(schema, options, owner);
  const { minReplicas, scaling, kserve, port: httpPort, grpcPort } = parsed;
  const maxReplicas = parsed.maxReplicas ?? Math.max(10, minReplicas);
  if (maxReplicas < minReplicas) throw wrong('maxReplicas', `at least minReplicas, ${minReplicas}`, maxReplicas);
  const mayBeNone = kserve !== undefined || (scaling !== false && scaling.by === 'prometheus');
  if (minReplicas === 0 && !mayBeNone) throw wrong('minReplicas', 'at least 1 where KEDA or KServe do not scale', 0);
  if (grpcPort === httpPort) throw wrong('grpcPort', `another port than ${httpPort}`, grpcPort);
  const settings: KServeSettings | undefined = kserve === true ? { deploymentMode: 'Standard' } : kserve;
  if (settings !== undefined) checkKServe(settings, scaling);
  return { ...parsed, kserve: settings, maxReplicas };
}

/** {@link KServeOptions} as they are used. */
export interface KServeSettings {
  readonly storageUri?: string | undefined;
  readonly deploymentMode: NonNullable<KServeOptions['deploymentMode']>;
  readonly canaryTrafficPercent?: number | undefined;
}

/** Whether pods are started by Knative, which has its own way to scale and to end them. */
export function isKnative({ deploymentMode }: KServeSettings): boolean {
  return deploymentMode === 'Knative' || deploymentMode === 'Serverless';
}

/** KServe takes a manifest, or passes over what it cannot do: what it would pass over is refused here. */
function checkKServe(
  settings: KServeSettings,
  scaling: false | { readonly by: 'cpu' } | { readonly by: 'prometheus'; readonly query?: string | undefined },
): void {
  const { canaryTrafficPercent } = settings;
  const onKnative = isKnative(settings);
  if (canaryTrafficPercent !== undefined && !onKnative)
    throw wrong('kserve.canaryTrafficPercent', 'deploymentMode: "Knative" beside it', canaryTrafficPercent);
  if (scaling === false || scaling.by !== 'prometheus') return;
  if (onKnative) throw wrong('scaling', 'no Prometheus where Knative scales by requests', 'prometheus');
  if (scaling.query === undefined)
    throw wrong(
      'scaling.query',
      'a query of yours with KServe, whose pods are scraped under a job of yours',
      undefined,
    );
}

const owner = 'createManifests';

function wrong(field: string, expected: string, value: unknown) {
  return optionError(owner, field, expected, value);
}

import {
  type CallOptions,
  type Clock,
  type EventSource,
  type Evidence,
  FairleadError,
  type Logger,
  parseOptions,
  type SidecarName,
  throwIfAborted,
} from '@fairlead/core';
import * as z from 'zod/mini';
import { checkAlias, checkModelName, checkVersion, invalidArgument, isDigest } from '../names';
import { checkRecord, checkTags } from '../run/values';
import type { BlobInfo } from '../store/artifact-store';
import type { TrackingStore } from '../store/tracking-store';
import type { TrackerEventMap } from '../tracker';
import { createAliasControl } from './alias-control';
import { findAlias, findModel, findReference, findVersion, toModelVersion } from './lookup';
import { parseModelReference } from './model-reference';
import type { ModelRegistry, RegisteredModel, SetAliasOptions, VersionDraft } from './model-registry';
import { createModelSource } from './model-source';
import { checkExpected, movesOf, nextVersion, pointedTo, toMove } from './moves';

const specSchema = z.object({
  name: z.string(),
  dtype: z.string(),
  shape: z.array(z.union([z.number(), z.string()])),
});
const bytesSchema = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'a Uint8Array');
const anyRecord = z.custom<Readonly<Record<string, never>>>((value) => typeof value === 'object', 'an object');

const draftSchema = z.strictObject({
  artifact: z.custom<Uint8Array | string>(
    (value) => value instanceof Uint8Array || (typeof value === 'string' && isDigest(value)),
    'a Uint8Array, or the SHA-256 of an artifact in lower-case hex',
  ),
  signature: z.optional(
    z.strictObject({
      inputs: z.array(specSchema),
      outputs: z.array(specSchema),
      batchAxis: z.nullable(z.int()),
    }),
  ),
  metrics: z.optional(anyRecord),
  tags: z.optional(anyRecord),
  run: z.optional(z.string()),
  sidecars: z.optional(
    z.strictObject({
      reference: z.optional(bytesSchema),
      golden: z.optional(bytesSchema),
      card: z.optional(bytesSchema),
    }),
  ),
});

const evidenceSchema = z.strictObject({
  actor: z.string().check(z.minLength(1)),
  reason: z.string().check(z.minLength(1)),
  data: z.optional(z.record(z.string(), z.unknown())),
});

function checkMetrics(metrics: unknown): asserts metrics is Readonly<Record<string, number>> {
  checkRecord('metrics', metrics);
  for (const [key, value] of Object.entries(metrics)) {
    if (typeof value !== 'number') throw invalidArgument(`metrics.${key}`, 'a number', value);
  }
}

/** Evidence as it will be read back: what JSON cannot keep is refused here instead of being lost. */
function checkEvidence(evidence: Evidence): Evidence {
  parseOptions(evidenceSchema, evidence, 'evidence');
  if (evidence.data === undefined) return evidence;
  try {
    return {
      ...evidence,
      data: structuredClone(JSON.parse(JSON.stringify(evidence.data)) as Evidence['data'] & object),
    };
  } catch (error) {
    throw new FairleadError('INVALID_ARGUMENT', '"evidence.data" must survive JSON: no cycles and no BigInt.', {
      cause: error,
      details: { field: 'evidence.data', expected: 'a value that survives JSON' },
    });
  }
}

/** What the registry stands on. */
export interface RegistryOptions {
  readonly store: TrackingStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventSource<TrackerEventMap>;
  /** Throws `CLOSED` once the tracker was closed. */
  readonly checkOpen: () => void;
}

/** The registry of a store. */
export function createRegistry({ store, clock, logger, events, checkOpen }: RegistryOptions): ModelRegistry {
  const { registry, artifacts, runs } = store;

  const contentOf = async (artifact: Uint8Array | string, call: CallOptions): Promise<BlobInfo> => {
    if (typeof artifact !== 'string') return artifacts.put(artifact, call);
    const blob = await artifacts.stat(artifact);
    if (blob !== undefined) return blob;
    throw new FairleadError('NOT_FOUND', `No artifact ${artifact} is in this store. Log it first, or give its bytes.`, {
      details: { field: 'artifact', expected: 'the digest of an artifact of this store', given: artifact },
    });
  };

  const checkRun = async (id: string | undefined, call: CallOptions): Promise<void> => {
    if (id === undefined || (await runs.read(id, call)) !== undefined) return;
    throw new FairleadError('NOT_FOUND', `No run ${id} is in this store. tracker.runs() lists what is.`, {
      details: { field: 'run', expected: 'the id of a run of this store', given: id },
    });
  };

  const putSidecars = async (
    sidecars: NonNullable<VersionDraft['sidecars']>,
    call: CallOptions,
  ): Promise<Partial<Record<SidecarName, BlobInfo>>> => {
    const kept: Partial<Record<SidecarName, BlobInfo>> = {};
    for (const [name, bytes] of Object.entries(sidecars)) {
      if (bytes !== undefined) kept[name as SidecarName] = await artifacts.put(bytes, call);
    }
    return kept;
  };

  const getModel = async (name: string, call: CallOptions = {}): Promise<RegisteredModel> => {
    checkOpen();
    checkModelName(name);
    const model = await findModel(registry, name, call.signal);
    return {
      name,
      versions: model.versions.map((version) => toModelVersion(model, version)),
      aliases: model.aliases,
      damage: model.damage,
    };
  };

  const setAlias = async (
    name: string,
    alias: string,
    version: string,
    evidence: Evidence,
    { expected, signal }: SetAliasOptions = {},
  ) => {
    checkOpen();
    checkModelName(name);
    checkAlias(alias);
    checkVersion(version);
    if (expected !== undefined && expected !== null) checkVersion(expected);
    const kept = checkEvidence(evidence);
    throwIfAborted(signal, 'Setting an alias');
    findVersion(await findModel(registry, name, signal), version);
    const call = signal === undefined ? {} : { signal };
    const { model, change } = await registry.commit(
      name,
      (present) => {
        checkExpected(present, name, alias, expected);
        const from = pointedTo(present, alias);
        if (from === version) return undefined;
        return { type: 'alias', alias, from, to: version, evidence: kept, at: clock.epochMs() };
      },
      call,
    );
    if (change?.type === 'alias') {
      events.emit('alias-move', { name, ...toMove(change) });
      return toMove(change);
    }
    const last = model === undefined ? undefined : movesOf(model, alias).at(-1);
    // It pointed there a moment ago, so it has a history.
    return last ?? { alias, from: null, to: version, evidence: kept, at: 0 };
  };

  return {
    async registerVersion(name, draft, call = {}) {
      checkOpen();
      checkModelName(name);
      parseOptions(draftSchema, draft, 'registerVersion');
      const { artifact, signature, metrics = {}, tags = {}, run, sidecars = {} } = draft;
      checkMetrics(metrics);
      checkTags(tags);
      await checkRun(run, call);
      const blob = await contentOf(artifact, call);
      const content = {
        ...blob,
        metrics,
        tags,
        parents: [],
        datasets: [],
        evaluations: [],
        sidecars: await putSidecars(sidecars, call),
        ...(signature === undefined ? {} : { signature }),
        ...(run === undefined ? {} : { run }),
      };
      const { change } = await registry.commit(
        name,
        (model) => {
          const at = clock.epochMs();
          return { type: 'version', at, version: { ...content, version: nextVersion(model), registeredAt: at } };
        },
        call,
      );
      if (change?.type !== 'version') throw new FairleadError('STORE_FAILED', `The store did not keep the version.`);
      const version = { name, ...change.version, aliases: [] };
      events.emit('version-register', version);
      return version;
    },
    async getVersion(reference, { signal } = {}) {
      checkOpen();
      const { model, version } = await findReference(registry, parseModelReference(reference), signal);
      return toModelVersion(model, version);
    },
    getModel,
    async models(call = {}) {
      checkOpen();
      const models: RegisteredModel[] = [];
      for (const name of await registry.names(call)) models.push(await getModel(name, call));
      return models;
    },
    setAlias,
    async aliasHistory(name, alias, { signal } = {}) {
      checkOpen();
      checkModelName(name);
      checkAlias(alias);
      const model = await findModel(registry, name, signal);
      findAlias(model, alias);
      return movesOf(model, alias);
    },
    model(reference) {
      checkOpen();
      return createModelSource(registry, artifacts, parseModelReference(reference), logger);
    },
    alias(name, alias) {
      checkOpen();
      checkModelName(name);
      checkAlias(alias);
      return createAliasControl({
        store: registry,
        name,
        alias,
        logger,
        setAlias: (version, evidence, expected) =>
          setAlias(name, alias, version, evidence, expected === undefined ? {} : { expected }),
      });
    },
  };
}

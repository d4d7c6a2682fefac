import { type CallOptions, type Evidence, FairleadError, type SidecarName } from '@fairlead/core';
import { checkModelName, checkVersion, invalidArgument } from '../names';
import type { BlobInfo } from '../store/artifact-store';
import type { DatasetRef, Evaluation, RegistryChange, VersionRef } from '../store/registry-store';
import type { StoredRun } from '../store/run-store';
import { defaultGate } from './approvals';
import { deploymentsOf, targetsOf } from './deployments';
import { checkAnnotation, checkApproval, checkDeployment, checkDraft, checkEvaluation } from './drafts';
import { checkEvidence } from './evidence';
import { findModel, findReference, findVersion, toModelVersion } from './lookup';
import { parseModelReference } from './model-reference';
import type { ModelRegistry } from './model-registry';
import type { EvaluationDraft, ModelVersion, VersionDraft } from './model-version';
import { nextVersion } from './moves';
import { edit, editVersion, type RegistryContext } from './registry-context';

/** The part of the registry that writes versions and what is known of them. */
export type VersionWriter = Pick<
  ModelRegistry,
  'registerVersion' | 'annotate' | 'recordEvaluation' | 'approve' | 'deleteVersion' | 'recordDeployment' | 'deployments'
>;

/** Registers, annotates, evaluates, approves, deploys and deletes versions. */
export function createVersionWriter(context: RegistryContext): VersionWriter {
  const { store, clock, events, checkOpen, readRun } = context;
  const { registry, artifacts } = store;

  const contentOf = async (
    artifact: Uint8Array | string,
    run: StoredRun | undefined,
    call: CallOptions,
  ): Promise<BlobInfo> => {
    if (typeof artifact !== 'string') return artifacts.put(artifact, call);
    // A server keeps bytes by the names that runs give them.
    const logged = run?.artifacts.find(({ digest }) => digest === artifact);
    const place = run === undefined || logged === undefined ? undefined : { run: run.id, name: logged.name };
    const blob = await artifacts.stat({ digest: artifact, ...(place === undefined ? {} : { place }) }, call);
    if (blob !== undefined) return blob;
    throw new FairleadError('NOT_FOUND', `No artifact ${artifact} is in this store. Log it first, or give its bytes.`, {
      details: { field: 'artifact', expected: 'the digest of an artifact of this store', given: artifact },
    });
  };

  const findRun = async (id: string, call: CallOptions): Promise<StoredRun> => {
    const run = await readRun(id, call);
    if (run !== undefined) return run;
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

  const parentsOf = async (references: readonly string[], call: CallOptions): Promise<VersionRef[]> => {
    const parents: VersionRef[] = [];
    for (const reference of references) {
      const { model, version } = await findReference(registry, parseModelReference(reference), call.signal);
      parents.push({ name: model.name, version: version.version });
    }
    return parents;
  };

  const evaluationOf = async (
    subject: VersionRef,
    draft: EvaluationDraft,
    call: CallOptions,
  ): Promise<Omit<Evaluation, 'at'>> => {
    const run = draft.run === undefined ? undefined : await findRun(draft.run, call);
    if (run !== undefined) checkUse(run, subject);
    const logged = Object.entries(run?.metrics ?? {}).map(([key, summary]) => [key, summary.last] as const);
    const metrics = draft.metrics ?? Object.fromEntries(logged);
    if (Object.keys(metrics).length === 0) {
      throw invalidArgument('metrics', 'at least one value, given or logged by the run', metrics);
    }
    const dataset = draft.dataset ?? onlyInput(run);
    return {
      metrics,
      ...(dataset === undefined ? {} : { dataset }),
      ...(run === undefined ? {} : { run: run.id }),
    };
  };

  /** Commits a change of one version, and answers the version as it is then. */
  const change = async (
    name: string,
    version: string,
    call: CallOptions,
    decide: Parameters<typeof editVersion>[4],
  ): Promise<{ readonly version: ModelVersion; readonly change: RegistryChange | undefined }> => {
    const edited = await editVersion(context, name, version, call, decide);
    return { version: toModelVersion(edited.model, findVersion(edited.model, version)), change: edited.change };
  };

  /** What every change of a version begins with. */
  const begin = (name: string, version: string, evidence: Evidence): Evidence => {
    checkOpen();
    checkModelName(name);
    checkVersion(version);
    return checkEvidence(evidence);
  };

  return {
    async registerVersion(name, draft, call = {}) {
      checkOpen();
      checkModelName(name);
      checkDraft(draft);
      const { artifact, signature, metrics = {}, tags = {}, description, run, datasets = [], sidecars = {} } = draft;
      const { author, reason = 'registered' } = draft;
      const maker = run === undefined ? undefined : await findRun(run, call);
      const parents = await parentsOf(draft.parents ?? [], call);
      const content = {
        ...(await contentOf(artifact, maker, call)),
        metrics,
        tags,
        parents,
        datasets,
        evaluations: [],
        sidecars: await putSidecars(sidecars, call),
        ...(description === undefined ? {} : { description }),
        ...(signature === undefined ? {} : { signature }),
        ...(run === undefined ? {} : { run }),
        ...(author === undefined ? {} : { author }),
      };
      const { model, change: kept } = await registry.commit(
        name,
        (present) => {
          const at = clock.epochMs();
          const version = { ...content, version: nextVersion(present), registeredAt: at };
          const evidence = author === undefined ? {} : { evidence: { actor: author, reason } };
          return { type: 'version', at, version, ...evidence };
        },
        call,
      );
      if (model === undefined || kept?.type !== 'version') {
        throw new FairleadError('STORE_FAILED', `The store did not keep the new version of "${name}".`);
      }
      const version = toModelVersion(model, kept.version);
      events.emit('version-register', version);
      return version;
    },

    async annotate(name, number, annotation, evidence, call = {}) {
      const kept = begin(name, number, evidence);
      checkAnnotation(annotation);
      const { tags, description, card } = annotation;
      findVersion(await findModel(registry, name, call.signal), number);
      const bytes = typeof card === 'string' ? new TextEncoder().encode(card) : card;
      const blob = bytes === undefined ? undefined : await artifacts.put(bytes, call);
      const { version } = await change(name, number, call, () => ({
        type: 'annotate',
        at: clock.epochMs(),
        evidence: kept,
        version: number,
        ...(tags === undefined ? {} : { tags }),
        ...(description === undefined ? {} : { description }),
        ...(blob === undefined ? {} : { card: blob }),
      }));
      events.emit('version-annotate', version);
      return version;
    },

    async recordEvaluation(name, number, draft, evidence, call = {}) {
      const kept = begin(name, number, evidence);
      checkEvaluation(draft);
      const evaluation = await evaluationOf({ name, version: number }, draft, call);
      const { version } = await change(name, number, call, () => {
        const at = clock.epochMs();
        return { type: 'annotate', at, evidence: kept, version: number, evaluation: { ...evaluation, at } };
      });
      events.emit('version-evaluate', version);
      return version;
    },

    async approve(name, number, evidence, options = {}) {
      const kept = begin(name, number, evidence);
      checkApproval(options);
      const { gate = defaultGate, approved = true, ...call } = options;
      const { version } = await change(name, number, call, () => ({
        type: 'approve',
        at: clock.epochMs(),
        evidence: kept,
        version: number,
        gate,
        approved,
      }));
      events.emit('version-approve', version);
      return version;
    },

    async deleteVersion(name, version, evidence, call = {}) {
      const kept = begin(name, version, evidence);
      const { change: deleted } = await edit(context, name, call, (model) => {
        findVersion(model, version);
        const aliases = Object.keys(model.aliases).filter((alias) => model.aliases[alias] === version);
        const targets = targetsOf(model).get(version) ?? [];
        if (aliases.length + targets.length > 0) throw inUse(name, version, aliases, targets);
        return { type: 'delete', at: clock.epochMs(), evidence: kept, version };
      });
      if (deleted !== undefined) events.emit('version-delete', { name, version, evidence: kept, at: deleted.at });
    },

    async recordDeployment(name, number, deployment, evidence, call = {}) {
      const kept = begin(name, number, evidence);
      checkDeployment(deployment);
      const { target, active = true, beside = false } = deployment;
      const edited = await change(name, number, call, (_version, model) => {
        const serving = deploymentsOf(model).filter((known) => known.target === target && known.until === undefined);
        const isThere = serving.some((known) => known.version === number);
        if (active ? isThere && (beside || serving.length === 1) : !isThere) return undefined;
        const draft = { type: 'deploy', at: clock.epochMs(), evidence: kept, version: number, target, active } as const;
        return beside ? { ...draft, beside } : draft;
      });
      if (edited.change !== undefined) {
        events.emit('version-deploy', { name, version: number, target, active, evidence: kept, at: edited.change.at });
      }
      return edited.version;
    },

    async deployments(name, { signal } = {}) {
      checkOpen();
      checkModelName(name);
      return deploymentsOf(await findModel(registry, name, signal));
    },
  };
}

/** A run that says which models it used cannot have measured another one. */
function checkUse({ id, uses }: StoredRun, { name, version }: VersionRef): void {
  if (uses.length === 0 || uses.some((use) => use.name === name && use.version === version)) return;
  const used = uses.map((use) => `${use.name}/${use.version}`).join(', ');
  throw invalidArgument('run', `a run that used ${name}/${version}; ${id} used ${used}`, id);
}

function onlyInput(run: StoredRun | undefined): DatasetRef | undefined {
  const [input, ...others] = run?.inputs ?? [];
  if (input === undefined || others.length > 0) return undefined;
  const { name, digest, context } = input;
  return context === undefined ? { name, digest } : { name, digest, context };
}

function inUse(name: string, version: string, aliases: readonly string[], targets: readonly string[]): FairleadError {
  const uses = [
    ...(aliases.length === 0 ? [] : [`the alias ${aliases.join(', ')} points at it`]),
    ...(targets.length === 0 ? [] : [`it serves at ${targets.join(', ')}`]),
  ].join(', and ');
  return new FairleadError(
    'CONFLICT',
    `Version ${version} of "${name}" is in use: ${uses}. Move the alias, or record that the deployment ended, first.`,
    { details: { field: 'version', expected: 'a version that nothing uses', given: version, aliases, targets } },
  );
}

import { FairleadError } from '@fairlead/core';
import { listNames } from './names';
import { streamRunPoints } from './run-points';
import type { ArtifactRef } from './store/artifact-store';
import type { StoredRun } from './store/run-store';
import type { TrackingStore } from './store/tracking-store';
import type { RunArtifact, RunRecord, RunStatus, RunSummary } from './tracker';

/** How a run stands at a moment: its end, or what its lease says. */
export function statusOf(run: StoredRun, epochMs: number): RunStatus {
  if (run.end !== undefined) return run.end.status;
  return run.leaseUntil < epochMs ? 'KILLED' : 'RUNNING';
}

/** A run as a list shows it. */
export function toRunSummary(run: StoredRun, epochMs: number): RunSummary {
  const { id, experiment, name, parent, startedAt, deletedAt, params, tags, metrics, end } = run;
  return {
    id,
    experiment,
    name,
    ...(parent === undefined ? {} : { parent }),
    status: statusOf(run, epochMs),
    startedAt,
    ...(end === undefined ? {} : { endedAt: end.at }),
    ...(deletedAt === undefined ? {} : { deletedAt }),
    ...(end?.error === undefined ? {} : { error: end.error }),
    params,
    tags,
    metrics,
  };
}

/** A run with everything that was logged. */
export function toRunRecord(run: StoredRun, epochMs: number, store: TrackingStore): RunRecord {
  const missing = (field: string, given: string, names: readonly string[]): FairleadError => {
    const existing = listNames(names, 'none');
    return new FairleadError('NOT_FOUND', `The run ${run.id} has no ${field} "${given}". It has: ${existing}.`, {
      details: { field, expected: existing, given },
    });
  };
  const artifacts = run.artifacts.map((artifact): RunArtifact => {
    const { name, digest, size } = artifact;
    const ref: ArtifactRef = { size, place: { run: run.id, name }, ...(digest === undefined ? {} : { digest }) };
    return {
      ...artifact,
      read: (call) => store.artifacts.read(ref, call),
      stream: (options) => store.artifacts.stream(ref, options),
    };
  });
  return {
    ...toRunSummary(run, epochMs),
    artifacts,
    inputs: run.inputs,
    uses: run.uses,
    damage: run.damage,
    artifact(name) {
      const found = artifacts.find((artifact) => artifact.name === name);
      if (found !== undefined) return found;
      throw missing(
        'artifact',
        name,
        artifacts.map((artifact) => artifact.name),
      );
    },
    async history(key, call) {
      if (!Object.hasOwn(run.metrics, key)) throw missing('metric', key, Object.keys(run.metrics).sort());
      return store.runs.history(run.id, key, call);
    },
    points: (call) => streamRunPoints(store.runs, run, call),
  };
}

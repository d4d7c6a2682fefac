import { type CallOptions, throwIfAborted } from '@fairlead/core';
import { checkModelName, checkVersion, invalidArgument, isDigest } from '../names';
import type { ModelUse, RunEvent } from '../store/run-store';
import type { ArtifactLog } from './artifact-log';
import { type HashFile, toDatasetInput } from './dataset-draft';
import { logFigure, logImage, logTable, logText } from './media/log-media';
import type { RunMedia } from './run-media';

/** What the media of a live run stand on. */
export interface MediaLogOptions {
  readonly artifacts: ArtifactLog;
  /** @throws FairleadError `CLOSED` after the end of the run */
  readonly checkRunning: () => void;
  readonly append: (event: RunEvent) => void;
  /** The time of an event, epoch milliseconds. */
  readonly epochMs: () => number;
  readonly hashFile: HashFile;
  readonly resolveModel: (reference: string, call: CallOptions) => Promise<ModelUse>;
}

function checkModelUse(model: ModelUse): void {
  if (typeof model !== 'object' || model === null) {
    throw invalidArgument('model', '"digits@champion", "digits/2", or { name, version }', model);
  }
  checkModelName(model.name);
  checkVersion(model.version);
  if (model.digest !== undefined && !isDigest(model.digest)) {
    throw invalidArgument('model.digest', 'a SHA-256 in lower-case hex', model.digest);
  }
}

/** What a live run keeps beside numbers and texts. */
export function createMediaLog(options: MediaLogOptions): RunMedia {
  const { artifacts, checkRunning, append, epochMs } = options;
  return {
    async logArtifact(name, source, call = {}) {
      checkRunning();
      return artifacts.log(name, source, {}, call);
    },
    async logText(name, text, media = {}) {
      checkRunning();
      return logText(artifacts, name, text, media);
    },
    async logTable(name, table, media = {}) {
      checkRunning();
      return logTable(artifacts, name, table, media);
    },
    async logImage(name, image, media = {}) {
      checkRunning();
      return logImage(artifacts, name, image, media);
    },
    async logFigure(name, figure, media = {}) {
      checkRunning();
      return logFigure(artifacts, name, figure, media);
    },
    async logDataset(draft, call = {}) {
      checkRunning();
      throwIfAborted(call.signal, 'Logging a dataset');
      const dataset = await toDatasetInput(draft, options.hashFile, call);
      checkRunning(); // it may have ended while a file was read
      append({ type: 'input', at: epochMs(), dataset });
      return dataset;
    },
    async useModel(given, call = {}) {
      checkRunning();
      throwIfAborted(call.signal, 'Recording a model');
      if (typeof given !== 'string') checkModelUse(given);
      const { name, version, digest } = typeof given === 'string' ? await options.resolveModel(given, call) : given;
      const model = { name, version, ...(digest === undefined ? {} : { digest }) };
      checkRunning();
      append({ type: 'use', at: epochMs(), model });
      return model;
    },
  };
}

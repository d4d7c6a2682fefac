import { type OnnxOptions, onnx, type TfjsOptions, tfjs } from '@fairlead/browser';
import { type Backend, FairleadError } from '@fairlead/core';
import { backendConformance, type ConformanceCase } from '@fairlead/core/testing';
import { fromWire, type WireTensors } from '../wire';

// The page that runs the conformance suite, case by case as the tests ask for it.

/** A backend to put to the test, and a model to do it with. */
export interface Subject {
  readonly backend: { readonly onnx: OnnxOptions } | { readonly tfjs: TfjsOptions };
  /** Whether sessions are opened in a worker, and not in the page itself. */
  readonly inLane: boolean;
  readonly reference: string;
  readonly missingReference: string;
  readonly golden: { readonly inputs: WireTensors; readonly outputs: WireTensors };
  readonly tolerance: number;
}

/** What the tests call. */
export interface ConformancePage {
  isolated: boolean;
  begin(subject: Subject): void;
  /** What went wrong in a case; undefined when it holds. */
  run(name: string): Promise<string | undefined>;
}

declare global {
  var conformance: ConformancePage;
}

let cases: readonly ConformanceCase[] = [];

function makeBackend(options: Subject['backend']): Backend {
  return 'onnx' in options ? onnx(options.onnx) : tfjs(options.tfjs);
}

/** The same backend, whose sessions live in workers. */
function inLanes(backend: Backend): Backend {
  const { worker, laneHost } = backend;
  if (worker === undefined || laneHost === undefined) throw new Error(`${backend.name} has no worker lanes here`);
  return { ...backend, doCreateSession: (model, options) => laneHost.openLane(worker, model, options) };
}

globalThis.conformance = {
  isolated: globalThis.crossOriginIsolated,
  begin({ backend, inLane, reference, missingReference, golden, tolerance }) {
    cases = backendConformance({
      createBackend: () => (inLane ? inLanes(makeBackend(backend)) : makeBackend(backend)),
      reference,
      missingReference,
      golden: { inputs: fromWire(golden.inputs), outputs: fromWire(golden.outputs) },
      tolerance,
    });
  },
  async run(name) {
    const found = cases.find((one) => one.name === name);
    if (found === undefined) throw new Error(`the suite has no case "${name}"`);
    try {
      await found.run();
      return undefined;
    } catch (error) {
      return FairleadError.isInstance(error) ? `${error.code}: ${error.message}` : String(error);
    }
  },
};

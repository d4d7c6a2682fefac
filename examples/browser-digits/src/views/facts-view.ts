import { element } from '../elements';
import type { OpenedModel } from '../model';
import type { Pace } from '../reader';
import { counted, kilobytes, milliseconds } from './words';

/** Shows where and how fast it is computed. */
export interface FactsView {
  showModel(model: OpenedModel): void;
  showPace(pace: Pace): void;
}

const devices: Readonly<Record<string, string>> = { webgpu: 'WebGPU', wasm: 'WebAssembly' };
const deviceName = (device: string): string => devices[device] ?? device;
const sparkBars = 50;
const sparkHeight = 16;

/** The tiles with device, latency, batch and model. */
export function createFactsView(): FactsView {
  const text = (id: string) => element(id, HTMLElement);
  const spark = element('spark', SVGPathElement);
  return {
    showModel({ device, fallbacks, origin, bytes, runner }) {
      text('device').textContent = deviceName(device);
      text('device-note').textContent =
        fallbacks.length === 0
          ? 'in a worker, off the page’s own thread'
          : fallbacks.map(({ from, reason }) => `not ${deviceName(from)}: ${reason}`).join('. ');
      text('model').textContent = kilobytes(bytes);
      const { name, version } = runner.model;
      const from = {
        network: 'downloaded now, kept for the next visit',
        cache: 'from this browser’s cache, digest checked',
        memory: 'downloaded now; this browser does not keep it',
      }[origin];
      text('model-note').textContent = `${name} ${version.slice(0, 8)}, ${from}`;
    },
    showPace({ medianMs, lastMs, batchRows, largestBatch }) {
      if (medianMs === undefined) return;
      text('latency').textContent = milliseconds(medianMs);
      text('latency-note').textContent = `median of the last ${counted(lastMs.length, 'answer')}`;
      text('batch').textContent = counted(batchRows, 'row');
      text('batch-note').textContent = `the largest so far had ${batchRows > largestBatch ? batchRows : largestBatch}`;
      spark.setAttribute('d', sparkPath(lastMs));
    },
  };
}

/** A bar for each value, the newest at the right; the highest is as high as the picture. */
function sparkPath(values: readonly number[]): string {
  const most = Math.max(...values);
  return values
    .map((value, index) => {
      const height = Math.max(1, (value / most) * sparkHeight);
      return `M${sparkBars - values.length + index + 0.5} ${sparkHeight}v${-height.toFixed(2)}`;
    })
    .join('');
}

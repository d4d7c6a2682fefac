import { createSha256 } from '#files';
import type { Sha256 } from '../../files/hash';
import type { PointsFrame } from '../points-codec';

/** Points that are hashed at a time. */
const rows = 1024;

/**
 * A digest of every metric's points in their order, to tell whether two sets of segments hold the same ones, whatever
 * frames they lie in.
 */
export class PointDigests {
  readonly #metrics = new Map<string, { readonly hash: Sha256; readonly columns: Float64Array; count: number }>();

  add(points: PointsFrame): void {
    const metrics = points.keys.map((key) => this.#metricOf(key));
    for (let i = 0; i < points.count; i++) {
      const metric = metrics[points.keyId(i)] as (typeof metrics)[number];
      const at = metric.count++ * 3;
      metric.columns[at] = points.step(i);
      metric.columns[at + 1] = points.timestamp(i);
      metric.columns[at + 2] = points.value(i);
      if (metric.count === rows) hashRows(metric);
    }
  }

  #metricOf(key: string) {
    const known = this.#metrics.get(key);
    if (known !== undefined) return known;
    const metric = { hash: createSha256(), columns: new Float64Array(rows * 3), count: 0 };
    this.#metrics.set(key, metric);
    return metric;
  }

  /** Call it once, at the end. */
  text(): string {
    const lines = Array.from(this.#metrics, ([key, metric]) => {
      hashRows(metric);
      return JSON.stringify([key, metric.hash.hex()]);
    });
    return lines.sort().join('\n');
  }
}

function hashRows(metric: { readonly hash: Sha256; readonly columns: Float64Array; count: number }): void {
  metric.hash.update(new Uint8Array(metric.columns.buffer, 0, metric.count * 3 * 8));
  metric.count = 0;
}

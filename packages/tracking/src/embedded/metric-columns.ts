import type { MetricHistory } from '../store/run-store';

/** Growing columns of one metric. */
export class MetricColumns {
  #steps = new Float64Array(1024);
  #timestamps = new Float64Array(1024);
  #values = new Float64Array(1024);
  #count = 0;

  push(step: number, timestamp: number, value: number): void {
    if (this.#count === this.#steps.length) {
      this.#steps = grown(this.#steps);
      this.#timestamps = grown(this.#timestamps);
      this.#values = grown(this.#values);
    }
    this.#steps[this.#count] = step;
    this.#timestamps[this.#count] = timestamp;
    this.#values[this.#count++] = value;
  }

  history(key: string): MetricHistory {
    return {
      key,
      steps: this.#steps.slice(0, this.#count),
      timestamps: this.#timestamps.slice(0, this.#count),
      values: this.#values.slice(0, this.#count),
    };
  }
}

function grown(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}

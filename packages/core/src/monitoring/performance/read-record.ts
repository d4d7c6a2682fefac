import type { LoggedValues, PredictionRecord } from '../predictions/prediction-record';
import { viewRows } from '../rows';
import type { Prediction, TaskDefinition } from './prediction';

/** Reads a prediction out of a record; `undefined` for a record that is to be left out. */
export type PredictionReader = (record: PredictionRecord) => Prediction | undefined;

/**
 * Reads the first output that fits the task and was kept in full: for `binary` one value, or two of which the second is the
 * positive class's; for `multiclass` as many as there are classes; for `regression` one. Tags and version come from the record.
 */
export function defaultReader({ task, classes }: TaskDefinition): PredictionReader {
  const widths = task === 'binary' ? [1, 2] : task === 'multiclass' ? [classes.length] : [1];
  return ({ outputs, tags, model, at }) => {
    const values = firstOf(outputs, widths);
    if (values === undefined) return undefined;
    const about = { version: model.version, at, ...(tags === undefined ? {} : { tags }) };
    if (task === 'multiclass') return { ...about, probabilities: values };
    const value = values[values.length - 1] as number;
    return task === 'binary' ? { ...about, score: value } : { ...about, value };
  };
}

function firstOf(outputs: LoggedValues, widths: readonly number[]): ArrayLike<number> | undefined {
  for (const value of Object.values(outputs)) {
    if (value.form !== 'full' || value.tensor.dtype === 'string') continue;
    if (!widths.includes(value.tensor.data.length)) continue;
    // As one row of all its values, whatever its shape.
    const { dtype, data } = value.tensor;
    return viewRows({ dtype, shape: [1, data.length], data }, 'output', 0).data;
  }
  return undefined;
}

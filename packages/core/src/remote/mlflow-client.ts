import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import { encodeColumns, encodeFrame } from '../serving/scoring/client-messages';
import type { ModelSignature } from '../signature';
import { encodeNested } from '../tensor/json/encode-nested';
import type { Tensor } from '../tensor/tensor';
import type { RemoteProtocol } from './remote-protocol';
import { connectScoring, predictionsOf } from './scoring-connection';

/** Options of {@link mlflowClient}. */
export interface MlflowClientOptions {
  /**
   * How inputs travel, as the model's signature in MLflow asks:
   * - `named`: `{"inputs": {name: array}}`, for tensors with names
   * - `array`: `{"inputs": array}`, for the one tensor without a name
   * - `dataframe`: `{"dataframe_split": {columns, data}}`, for columns: one an input, or those of the one matrix, which `columns` names
   * @default 'named'
   */
  readonly form?: 'named' | 'array' | 'dataframe';
  /** Names of the columns of the one matrix, with `form: 'dataframe'`. @default the names of the inputs; of a matrix, none */
  readonly columns?: readonly string[];
}

// Made when it is asked for: who takes another protocol then has none of it in his bundle.
const schema = () =>
  z.strictObject({
    form: z.optional(z.enum(['named', 'array', 'dataframe'])),
    columns: z.optional(z.array(z.string())),
  });

/**
 * MLflow's scoring contract, for `remote`: `mlflow models serve`, its containers, and Fairlead's own `mlflowScoring()`. It needs the
 * option `signature`, and takes no `version`.
 *
 * Inputs travel to `/invocations`. Predictions are read as a list of values or of objects, or as arrays by name, NaN as `null` or as a
 * bare token. `/ping` answers for its health.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function mlflowClient(options?: MlflowClientOptions): RemoteProtocol {
  const { form = 'named', columns } = parseOptions(schema(), options, 'mlflowClient');
  return {
    name: 'mlflow',
    connect: (target) => {
      if (form === 'array' && target.signature !== undefined && target.signature.inputs.length !== 1)
        throw wrongForm(target.signature);
      return connectScoring(target, {
        owner: 'mlflowClient',
        predictRoute: '/invocations',
        healthRoute: '/ping',
        encode: (tensors, signature) => {
          if (form === 'dataframe') return `{"dataframe_split":${encodeFrame(tensors, signature, columns)}}`;
          if (form === 'array') return `{"inputs":${encodeNested(tensors[0] as Tensor)}}`;
          return `{"inputs":${encodeColumns(tensors, signature)}}`;
        },
        read: predictionsOf,
      });
    },
  };
}

function wrongForm({ inputs }: ModelSignature): FairleadError {
  const expected = "'named' or 'dataframe', since the model has not one input";
  return new FairleadError('INVALID_OPTION', `mlflowClient: option "form" is wrong: expected ${expected}.`, {
    details: { field: 'form', expected, given: `'array' for ${inputs.length} inputs` },
  });
}

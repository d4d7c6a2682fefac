import { FairleadError } from '../errors';
import type { AnySignature, InputsOf } from '../signature';
import type { Tensors } from '../tensor/tensor';
import type { ModelRunner, RunOptions } from './runner';

/** What a schema library must offer: the part of Standard Schema version 1 that is used here. zod's schemas fit. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** How values of the application become tensors and tensors become values. */
export interface ModelDefinition<Input, Parsed, Raw, Output> {
  /** Checks what `predict` is given. */
  readonly input: StandardSchema<Input, Parsed>;
  /** Checks what `decode` made; the promise of `predict`. */
  readonly output: StandardSchema<Raw, Output>;
  /** Makes the model's inputs of one checked value: one row. */
  readonly encode: (value: Parsed) => InputsOf;
  /** Makes a value of the outputs for that row. */
  readonly decode: (outputs: Tensors) => Raw;
}

/** The side of a typed model that an application sees. */
export interface Predictor<Input, Output> {
  /**
   * Runs the model on one value.
   * @throws FairleadError `INVALID_INPUT` when the value does not pass the input schema, `OUTPUT_INVALID` when the
   * answer does not pass the output schema, and whatever `run` throws
   */
  predict(input: Input, options?: RunOptions): Promise<Output>;
}

/** A runner whose `predict` speaks the application's own types. */
export type TypedRunner<Input, Output, R extends ModelRunner = ModelRunner> = R & Predictor<Input, Output>;

/**
 * Describes a model in the types of the application, with any Standard Schema (zod, valibot, arktype …). Give it to
 * `createRunner` as `definition`, or put it around any runner with `withPredict`.
 */
export function defineModel<Input, Parsed, Raw, Output>(
  definition: ModelDefinition<Input, Parsed, Raw, Output>,
): ModelDefinition<Input, Parsed, Raw, Output> {
  return definition;
}

/** Adds a typed `predict` to a runner; everything else stays as it is. */
export function withPredict<Input, Parsed, Raw, Output, R extends ModelRunner>(
  runner: R,
  definition: ModelDefinition<Input, Parsed, Raw, Output>,
): TypedRunner<Input, Output, R> {
  const predictor: Predictor<Input, Output> = {
    async predict(input, options) {
      const value = await check(definition.input, input, 'INVALID_INPUT', 'input');
      const { outputs } = await runner.run(definition.encode(value) as InputsOf<AnySignature>, options);
      return check(definition.output, definition.decode(outputs), 'OUTPUT_INVALID', 'output');
    },
  };
  return Object.assign(runner, predictor);
}

async function check<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  code: 'INVALID_INPUT' | 'OUTPUT_INVALID',
  field: string,
): Promise<Output> {
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const [issue] = result.issues;
  const path = (issue?.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step));
  const where = [field, ...path].join('.');
  throw new FairleadError(code, `${where}: ${issue?.message ?? 'does not pass its schema'}.`, {
    details: {
      field: where,
      expected: issue?.message ?? 'a value that passes the schema',
      issues: result.issues.length,
    },
  });
}

import type { StandardSchema } from '@fairlead/core';
import type { ParamValue } from '../store/stored-run';

interface CommonRunStartOptions {
  /**
   * The experiment that the run belongs to; it needs no making. 1 to 500 characters.
   * @default that of the parent, or 'default'
   */
  readonly experiment?: string;
  /** For people; need not be unique. 1 to 500 characters. @default the last 8 digits of the run's id */
  readonly name?: string;
  /** The run that this one is part of, or its id. @default none */
  readonly parent?: { readonly id: string } | string;
  /** @default {} */
  readonly tags?: Readonly<Record<string, string>>;
}

/** What a run is made of. */
export interface RunStartOptions extends CommonRunStartOptions {
  /** @default {} */
  readonly params?: Readonly<Record<string, ParamValue>>;
  readonly schema?: never;
}

/** What a run is made of whose parameters have a schema. */
export interface TypedRunStartOptions<Input, Output> extends CommonRunStartOptions {
  /** Checks the parameters, and fills in defaults: any Standard Schema, such as one of zod. */
  readonly schema: StandardSchema<Input, Output>;
  /**
   * What the schema makes of it is logged: objects within by dotted names such as `optimizer.lr`, arrays as JSON, dates
   * as ISO texts, `null` as the text "null"; `undefined` is left out.
   */
  readonly params: Input;
}

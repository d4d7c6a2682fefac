/*
 * What this release reads of a schema of zod 4, as its documentation for authors of libraries describes it: the definition
 * at `_zod.def`, told apart by `type` and, for checks, by `check`; and Standard Schema at `~standard`. Described here by
 * shape, so that not a byte of zod is loaded, and a schema of any copy of zod 4, the small one too, will do.
 */

/** A schema of zod 4. */
export interface ZodSchema {
  readonly _zod: { readonly def: ZodDefinition };
  readonly '~standard': {
    validate(value: unknown): ValidationResult | PromiseLike<ValidationResult>;
  };
}

/** What Standard Schema answers: issues where the value is wrong. */
export interface ValidationResult {
  readonly issues?: readonly { readonly path?: readonly unknown[] | undefined }[] | undefined;
}

/** The definition of a schema, with what some types have. */
export interface ZodDefinition {
  readonly type: string;
  readonly checks?: readonly { readonly _zod: { readonly def: ZodCheckDefinition } }[];
  /** Of a schema that is itself a check, such as `z.int()` and `z.email()`. */
  readonly check?: string;
  readonly format?: string;
  readonly pattern?: RegExp;
  readonly coerce?: boolean;
  readonly innerType?: ZodSchema;
  readonly entries?: Readonly<Record<string, string | number>>;
  readonly values?: readonly unknown[];
  readonly options?: readonly ZodSchema[];
  readonly shape?: Readonly<Record<string, ZodSchema>>;
  readonly catchall?: ZodSchema;
}

/** The definition of a check. */
export interface ZodCheckDefinition {
  readonly check?: string;
  readonly format?: string;
  readonly pattern?: RegExp;
  readonly value?: unknown;
  readonly inclusive?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly length?: number;
}

/** Whether a value is a schema of zod 4. */
export function isZodSchema(value: unknown): value is ZodSchema {
  if (typeof value !== 'object' || value === null || !('_zod' in value) || !('~standard' in value)) return false;
  const { def } = value._zod as { def?: { type?: unknown } };
  return typeof def?.type === 'string';
}

import { describeValue, FairleadError } from '@fairlead/core';

/** The error for an option that is wrong: by itself, or beside another. */
export function optionError(owner: string, field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    {
      details: { field, expected, given },
    },
  );
}

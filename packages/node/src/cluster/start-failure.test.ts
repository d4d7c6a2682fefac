import { FairleadError } from '@fairlead/core';
import { expect, it } from 'vitest';
import { describeFailure, toError } from './start-failure';

/** As it arrives behind a channel of JSON. */
const travelled = (thrown: unknown) => toError(2, JSON.parse(JSON.stringify(describeFailure(thrown))));

it('carries code, details and stack of an error of ours', () => {
  const error = new FairleadError('MODEL_NOT_FOUND', 'no such model', { details: { field: 'model' } });
  const arrived = travelled(error);
  expect(FairleadError.isInstance(arrived, 'MODEL_NOT_FOUND')).toBe(true);
  expect(arrived.message).toBe('startCluster: process 2 could not start: no such model');
  expect(arrived.details).toEqual({ field: 'model', process: 2 });
  expect((arrived.cause as Error).stack).toBe(error.stack);
});

it('carries whatever was thrown', () => {
  expect(travelled('a word')).toMatchObject({ code: 'LANE_LOST', message: expect.stringContaining('a word') });
  expect(travelled(undefined)).toMatchObject({ code: 'LANE_LOST' });
});

it('leaves out details that JSON cannot say, and cuts what is too long', () => {
  const details = { size: 1n };
  expect(travelled(new FairleadError('RUN_FAILED', 'x', { details })).details).toEqual({ process: 2 });
  const long = 'y'.repeat(100_000);
  const failure = describeFailure(new FairleadError('RUN_FAILED', long, { details: { given: long } }));
  expect(JSON.stringify(failure).length).toBeLessThan(25_000);
  expect(failure.message).toBe('y'.repeat(4096));
});

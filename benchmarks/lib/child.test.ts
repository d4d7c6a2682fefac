import { describe, expect, it } from 'vitest';
import { runChild } from './child';

const file = new URL('./fixtures/processes/answer.ts', import.meta.url);

describe('runChild', () => {
  it('passes arguments and flags on and resolves to the answer; gc() is at hand there', async () => {
    const args = ['a', 'b c'];
    expect(await runChild(file, args)).toEqual({ args, canCollect: true, warns: true });
    expect(await runChild(file, args, ['--no-deprecation'])).toEqual({ args, canCollect: true, warns: false });
  });

  it('rejects when the process ends without an answer', async () => {
    await expect(runChild(file)).rejects.toThrow('answer.ts ended with 3 before it answered.');
  });
});

import type { Findings } from './program';

/** What {@link Findings} are on every runtime that is worth its name. */
export const expectedFindings: Findings = {
  doubled: [2, -2, 4, -4, 6, -6, 8, -8, 10, -10, 12, -12, 14, -14, 16, -16],
  batchRows: 8,
  description: 'mock on cpu',
  refusal: 'INVALID_INPUT',
  late: 'DEADLINE_EXCEEDED',
  closed: 'CLOSED',
  counted: true,
  drift: ['ok', 'drift'],
  remote: [6, 8],
  computed: ['cloud: unsure', 'edge: confident'],
};

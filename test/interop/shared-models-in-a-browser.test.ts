import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { it } from 'vitest';
import { testAgreement } from '../browser/agreement';

/* Third-party models: see the README beside them for sources and licences. */

const folder = fileURLToPath(new URL('../../../shared/models/', import.meta.url));

if (existsSync(folder)) testAgreement(folder);
else
  it('finds the models', ({ skip }) => {
    console.warn(`NOT TESTED: ${folder} is missing; put the models of shared/models there.`);
    skip();
  });

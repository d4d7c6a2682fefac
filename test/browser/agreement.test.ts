import { fileURLToPath } from 'node:url';
import { testAgreement } from './agreement';

testAgreement(fileURLToPath(new URL('../../examples/models', import.meta.url)));

// Vitest 4 reads no workspace file by itself.
export { default } from './vitest.workspace.ts';

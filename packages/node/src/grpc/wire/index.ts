export { enumeration, many, mapOf, one, optional, repeated, scalar } from './fields';
export { message } from './message';
export { numbers } from './number-arrays';
export type { GivenOf, MessageOf, MessageType } from './types';

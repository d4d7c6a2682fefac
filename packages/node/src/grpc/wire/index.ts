export { enumeration, many, mapOf, one, optional, repeated, scalar } from './fields';
export { type GivenOf, type MessageOf, type MessageType, message } from './message';
export { numbers } from './number-arrays';

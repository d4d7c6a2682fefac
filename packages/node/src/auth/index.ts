export { anyOf } from './any-of';
export { type ApiKeyRecord, type CreateApiKeyOptions, type CreatedApiKey, createApiKey } from './api-key';
export { type ApiKeysOptions, apiKeys } from './api-keys';
export { type ClientCertificatesOptions, clientCertificates } from './client-certificates';
export { jwt } from './jwt';
export type { JsonWebKey, JwtClaims, JwtOptions, PublicKeyAlgorithm, SecretAlgorithm } from './jwt-options';
export type { GuardOptions } from './permit';
export type { RateLimit } from './rate-limiter';
export type { Scope } from './scope';

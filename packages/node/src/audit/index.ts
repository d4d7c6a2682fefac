export { type AuditLog, type AuditLogStats, createAuditLog } from './audit-log';
export type { ChainPosition } from './chain';
export type { AuditedDecision, AuditedEvidence, AuditedGuardrail, AuditedModel } from './decision';
export type { AuditedCall } from './entry';
export type { AuditableRollout } from './observe-rollout';
export type { AuditLogOptions } from './options';
export type { AuditKey, AuditSignature, AuditSigning } from './signing';
export type { AuditFound, AuditHead, AuditSink } from './sink';
export { type AuditBreak, type AuditReport, type VerifyAuditOptions, verifyAuditLog } from './verify';

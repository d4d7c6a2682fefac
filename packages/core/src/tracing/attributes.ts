/*
 * Names of attributes. OpenTelemetry's semantic conventions have names for who calls and for errors, and none for a model that
 * is no language model, so what they lack stands under a name of our own.
 */

/** By the semantic conventions. */
export const standard = {
  clientAddress: 'client.address',
  userAgent: 'user_agent.original',
  userId: 'enduser.id',
  errorType: 'error.type',
} as const;

/** Our own. */
export const own = {
  protocol: 'fairlead.protocol',
  operation: 'fairlead.operation',
  modelName: 'fairlead.model.name',
  modelVersion: 'fairlead.model.version',
  modelDigest: 'fairlead.model.digest',
  rows: 'fairlead.rows',
  batchRows: 'fairlead.batch.rows',
  batchReason: 'fairlead.batch.reason',
  lane: 'fairlead.lane',
} as const;

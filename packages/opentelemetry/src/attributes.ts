/**
 * Names of all attributes, with what they hold. Those of metrics take values from the configuration or from lists of this SDK alone: no
 * token, no user, no topic. `docs/observability.md` has the same table, held by a test.
 */
export const ATTRIBUTES = {
  "messaging.system": "Transport: `fcm-v1`, `gcm-http`, `ccs`; `outbox`; `gateway`",
  "messaging.operation.name": "`send`, `attempt`, `enqueue`, `process`, `receive`, `request`",
  "messaging.operation.type": "`send`, `create`, `receive`, `process`: the kind of the operation in the conventions",
  "messaging.batch.message_count": "Number of recipients, where there are several",
  "messaging.message.id": "ID of an upstream message or delivery receipt",
  "http.response.status_code": "Status of the service, where all recipients of an attempt have the same",
  "error.type": "Error code of most recipients, or the code of the error thrown",
  "cloud_messaging.send.id": "ID of the send; in an outbox, of the stored message or campaign",
  "cloud_messaging.target": "`token`, `fid`, `topic`, `condition`, `group`",
  "cloud_messaging.recipient": "The one recipient, shortened",
  "cloud_messaging.attempt": "Number of the attempt, from 1",
  "cloud_messaging.attempts": "Number of attempts that were made",
  "cloud_messaging.unanswered": "Number of copies that were written and never answered",
  "cloud_messaging.outcome.accepted": "Number of recipients with this outcome",
  "cloud_messaging.outcome.unregistered": "Likewise",
  "cloud_messaging.outcome.retryable": "Likewise",
  "cloud_messaging.outcome.ambiguous": "Likewise",
  "cloud_messaging.outcome.rejected": "Likewise",
  "cloud_messaging.wait.reason": "`retry`, `quota`",
  "cloud_messaging.wait.delay_ms": "Planned length of the wait before a retry",
  "cloud_messaging.delivery.type": "`upstream`, `receipt`",
  "cloud_messaging.delivery.repeat": "True for a repeat of a message that was handled already",
  "cloud_messaging.connection": "Number of the CCS connection: on spans",
  "cloud_messaging.outbox.engine": "`memory`, `embedded`, `postgres`, `bullmq`: the name of the engine",
  "cloud_messaging.outbox.lane": "Lane, from the configuration",
  "cloud_messaging.outbox.chunk": "Number of the chunk, from 0",
  "cloud_messaging.outbox.created": "False where the key was taken already",
  "cloud_messaging.outbox.operation":
    "Operation of the engine that has failed: `claim`, `write`, `renew`, `read`, `send`, `prune`",
  "cloud_messaging.gateway.client": "Name of the client, from the configuration",
  "cloud_messaging.gateway.project": "Name of the project, from the configuration",
  "cloud_messaging.gateway.protocol": "`gcm-http`, `ccs`",
  "cloud_messaging.gateway.result": "`accepted`, or an error code",
  "cloud_messaging.outcome.kind": "`accepted`, `unregistered`, `retryable`, `ambiguous`, `rejected`",
  "cloud_messaging.outcome.code": "Error code; absent for `accepted`",
  "cloud_messaging.ccs.phase": "`connecting`, `open`, `draining`, `closing`, `closed`, `backing-off`",
  "cloud_messaging.ccs.slot": "Place of the connection among those of its client, from 0, the oldest first",
  "cloud_messaging.project": "FCM project, from the configuration",
  "cloud_messaging.ccs.drain": "Reason of a drain: `control`, `nack`, `ack-timeout`",
  "cloud_messaging.notice": "Name of a notice",
} as const;

/** The name of an attribute. */
export type AttributeName = keyof typeof ATTRIBUTES;

/** Attributes by their names alone. */
export type OwnAttributes = Partial<Record<AttributeName, string | number | boolean | undefined>>;

import type { CloudMessagingOperations, OperationName } from "@cloud-messaging/core";
import type {
  AttemptOperation,
  ClaimOperation,
  EnqueueOperation,
  GatewayOperation,
  OutcomeSummary,
  SendOperation,
  UpstreamOperation,
  WaitOperation,
} from "@cloud-messaging/core/transport";
import { SpanKind } from "@opentelemetry/api";
import type { OwnAttributes } from "./attributes.ts";

/** Rule that makes a span of an operation. */
export interface SpanRule<O> {
  name(operation: O): string;
  readonly kind: SpanKind;
  /** Attributes from the beginning. */
  begun(operation: O): OwnAttributes;
  /** Attributes at the end; `error.type` marks the span as failed. */
  ended(operation: O): OwnAttributes;
}

/** The rules of all spans, by operation. */
export const SPANS: { readonly [N in OperationName]: SpanRule<CloudMessagingOperations[N]> } = {
  "cloud-messaging:send": {
    name: ({ transport }: SendOperation) => `send ${transport}`,
    kind: SpanKind.CLIENT,
    begun: ({ transport, sendId, target, recipients, recipient }) => ({
      "messaging.system": transport,
      "messaging.operation.name": "send",
      "messaging.operation.type": "send",
      "messaging.batch.message_count": several(recipients),
      "cloud_messaging.send.id": sendId,
      "cloud_messaging.target": target,
      "cloud_messaging.recipient": recipient,
    }),
    ended: ({ result }) => ({ ...outcomesOf(result), "cloud_messaging.attempts": result?.attempts }),
  },
  "cloud-messaging:attempt": {
    name: ({ transport }: AttemptOperation) => `attempt ${transport}`,
    kind: SpanKind.CLIENT,
    begun: ({ transport, sendId, attempt, recipients }) => ({
      "messaging.system": transport,
      "messaging.operation.name": "attempt",
      "messaging.operation.type": "send",
      "messaging.batch.message_count": several(recipients),
      "cloud_messaging.send.id": sendId,
      "cloud_messaging.attempt": attempt,
    }),
    ended: ({ result }) => ({ ...outcomesOf(result), "http.response.status_code": result?.status }),
  },
  "cloud-messaging:wait": {
    name: ({ reason }: WaitOperation) => `wait ${reason}`,
    kind: SpanKind.INTERNAL,
    begun: ({ transport, sendId, reason, recipients, attempt, delayMs }) => ({
      "messaging.system": transport,
      "messaging.batch.message_count": several(recipients),
      "cloud_messaging.send.id": sendId,
      "cloud_messaging.attempt": attempt,
      "cloud_messaging.wait.reason": reason,
      "cloud_messaging.wait.delay_ms": delayMs,
    }),
    ended: () => ({}),
  },
  "cloud-messaging:upstream": {
    name: ({ transport }: UpstreamOperation) => `process ${transport}`,
    kind: SpanKind.CONSUMER,
    begun: (operation) => ({
      ...deliveryOf(operation),
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
    }),
    ended: ({ result }) => ({ "cloud_messaging.delivery.repeat": result === undefined ? undefined : !result }),
  },
  "cloud-messaging:outbox-enqueue": {
    name: () => "enqueue outbox",
    kind: SpanKind.PRODUCER,
    begun: ({ engine, lane, sendId }: EnqueueOperation) => ({
      "messaging.system": "outbox",
      "messaging.operation.name": "enqueue",
      "messaging.operation.type": "create",
      "cloud_messaging.outbox.engine": engine,
      "cloud_messaging.outbox.lane": lane,
      "cloud_messaging.send.id": sendId,
    }),
    ended: ({ result }) => ({
      "messaging.batch.message_count": several(result?.recipients ?? 0),
      "cloud_messaging.send.id": result?.id,
      "cloud_messaging.outbox.created": result?.created,
    }),
  },
  "cloud-messaging:outbox-claim": {
    name: () => "process outbox",
    kind: SpanKind.CONSUMER,
    begun: ({ engine, lane, sendId, chunk, recipients }: ClaimOperation) => ({
      "messaging.system": "outbox",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.batch.message_count": several(recipients),
      "cloud_messaging.outbox.engine": engine,
      "cloud_messaging.outbox.lane": lane,
      "cloud_messaging.outbox.chunk": chunk,
      "cloud_messaging.send.id": sendId,
    }),
    ended: ({ result = {} }) => countsOf(result),
  },
  "cloud-messaging:gateway-request": {
    name: () => "request gateway",
    kind: SpanKind.SERVER,
    begun: ({ client, project, protocol }: GatewayOperation) => ({
      "messaging.system": "gateway",
      "messaging.operation.name": "request",
      "cloud_messaging.gateway.client": client,
      "cloud_messaging.gateway.project": project,
      "cloud_messaging.gateway.protocol": protocol,
    }),
    ended: ({ result }) => ({
      "cloud_messaging.gateway.result": result,
      "error.type": result === "accepted" ? undefined : result,
    }),
  },
};

/** Attributes of a delivery from CCS. */
export function deliveryOf({ transport, type, connectionId, messageId, from }: UpstreamOperation): OwnAttributes {
  return {
    "messaging.system": transport,
    "messaging.message.id": messageId,
    "cloud_messaging.delivery.type": type,
    "cloud_messaging.connection": connectionId,
    "cloud_messaging.recipient": from,
  };
}

const several = (count: number): number | undefined => (count > 1 ? count : undefined);

function countsOf(counts: Readonly<Record<string, number>>): OwnAttributes {
  const of = (kind: string): number | undefined => counts[kind] || undefined;
  return {
    "cloud_messaging.outcome.accepted": of("accepted"),
    "cloud_messaging.outcome.unregistered": of("unregistered"),
    "cloud_messaging.outcome.retryable": of("retryable"),
    "cloud_messaging.outcome.ambiguous": of("ambiguous"),
    "cloud_messaging.outcome.rejected": of("rejected"),
  };
}

function outcomesOf(result: OutcomeSummary | undefined): OwnAttributes {
  if (result === undefined) return {};
  const { counts, unanswered } = result;
  return {
    ...countsOf(counts),
    "cloud_messaging.unanswered": unanswered || undefined,
    // that a token is not registered is an answer, and no failure
    "error.type": counts.accepted + counts.unregistered > 0 ? undefined : mostFrequent(result.codes),
  };
}

/** The error code of most recipients. */
export function mostFrequent(codes: OutcomeSummary["codes"]): string | undefined {
  return Object.entries(codes).sort(([, a], [, b]) => b - a)[0]?.[0];
}

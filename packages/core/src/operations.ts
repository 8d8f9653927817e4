import { type TracingChannel, tracingChannel } from "node:diagnostics_channel";
import type { ErrorCode } from "./outcome/error-code.ts";
import type { OutcomeCounts, OutcomeKind, RecipientOutcome } from "./outcome/outcome.ts";

/** Fields that the context objects of all operations have. */
export interface OperationBase {
  /** Context object of the operation that this one is a part of; absent where nobody subscribes to that one. */
  readonly parent?: object | undefined;
  /** Error that the operation has ended with. */
  error?: unknown;
}

/** Outcomes of an operation, counted. */
export interface OutcomeSummary {
  /** Number of recipients by kind of outcome. */
  readonly counts: OutcomeCounts;
  /** Number of recipients by error code. */
  readonly codes: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Number of recipients by kind and code; without a code for those accepted. */
  readonly kinds: readonly { readonly kind: OutcomeKind; readonly code?: ErrorCode; readonly recipients: number }[];
  /** Number of the latest attempt, from 1; 0 where none was made. */
  readonly attempts: number;
  /** Number of copies that were written and never answered, earlier ones included. */
  readonly unanswered: number;
  /** HTTP status of the service, where all recipients have the same. */
  readonly status?: number;
}

/** Kind of a message's target. */
export type TargetKind = "token" | "fid" | "topic" | "condition" | "group";

/** A call of `send`, or a batch of `sendAll`, from the call to its report. */
export interface SendOperation extends OperationBase {
  readonly transport: string;
  /** ID of the send: the same for its attempts and waits, and different for every send. */
  readonly sendId: string;
  readonly target: TargetKind;
  /** Number of recipients. */
  readonly recipients: number;
  /** The one recipient; a token is shortened. Absent for several, and for topics, conditions and groups. */
  readonly recipient?: string;
  result?: OutcomeSummary;
}

/** One attempt of a transport. */
export interface AttemptOperation extends OperationBase {
  readonly transport: string;
  /** ID of the send; of an attempt of an outbox, the ID of the stored message or campaign. */
  readonly sendId: string;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** Number of recipients. */
  readonly recipients: number;
  result?: OutcomeSummary;
}

/** A wait of a send: for its next attempt, or for a permit of the service's quota. */
export interface WaitOperation extends OperationBase {
  readonly transport: string;
  readonly sendId: string;
  readonly reason: "retry" | "quota";
  /** Number of recipients. */
  readonly recipients: number;
  /** Number of the attempt that is waited for, from 2. Absent for quota. */
  readonly attempt?: number;
  /** Planned length. Unit: milliseconds. Absent for quota. */
  readonly delayMs?: number;
  /** Error codes of the attempt before. Absent for quota. */
  readonly codes?: readonly ErrorCode[];
  /** True where the wait has come to its end, false where the send was ended before. */
  result?: boolean;
}

/** A call of a handler with an upstream message or delivery receipt, until it is acknowledged or has failed. */
export interface UpstreamOperation extends OperationBase {
  readonly transport: string;
  readonly type: "upstream" | "receipt";
  readonly connectionId: number;
  readonly messageId: string;
  /** Sender of the message; a token, shortened. */
  readonly from: string;
  /** Time of arrival. Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** False where it was a repeat of a message that was handled already. */
  result?: boolean;
}

/** Trace context in the form of a text map: names of headers and their values. */
export type TraceCarrier = Readonly<Record<string, string>>;

/** A call of `enqueue`, `enqueueAll` or `replay` of an outbox. */
export interface EnqueueOperation extends OperationBase {
  readonly engine: string;
  /** ID of the message or campaign; of the stored one, in `result`. */
  readonly sendId: string;
  readonly lane: string;
  /** Trace context to store beside the payload: set by a subscriber of `start`. Values above 512 characters are left out. */
  carrier?: TraceCarrier;
  result?: { readonly id: string; readonly created: boolean; readonly recipients: number };
}

/** A chunk of recipients in the hands of a worker of an outbox, from the claim until its lease is given back. */
export interface ClaimOperation extends OperationBase {
  readonly engine: string;
  /** ID of the message or campaign. */
  readonly sendId: string;
  readonly lane: string;
  /** Number of the chunk, from 0. */
  readonly chunk: number;
  /** True where the message or campaign has no other chunk. */
  readonly only: boolean;
  /** Number of unsettled recipients at the claim. */
  readonly recipients: number;
  /** Trace context that `enqueue` has stored. */
  readonly carrier?: TraceCarrier | undefined;
  /** Time from the moment the message was due until the claim. Unit: milliseconds. */
  readonly ageMs: number;
  /** Number of final outcomes by kind. */
  result?: Readonly<Record<string, number>>;
}

/** A message from an app server at the gateway, until its answer is decided. */
export interface GatewayOperation extends OperationBase {
  /** Name of the client, from the configuration. */
  readonly client: string;
  readonly project: string;
  readonly protocol: "gcm-http" | "ccs";
  /** `accepted`, or an error code. */
  result?: string;
}

/**
 * Operations published on TracingChannels of `node:diagnostics_channel`, by name, with their context objects. Nothing is built for a
 * channel without subscribers. Tokens are shortened, keys and access tokens never appear.
 */
export interface CloudMessagingOperations {
  "cloud-messaging:send": SendOperation;
  "cloud-messaging:attempt": AttemptOperation;
  "cloud-messaging:wait": WaitOperation;
  "cloud-messaging:upstream": UpstreamOperation;
  "cloud-messaging:outbox-enqueue": EnqueueOperation;
  "cloud-messaging:outbox-claim": ClaimOperation;
  "cloud-messaging:gateway-request": GatewayOperation;
}

/** The name of an operation. */
export type OperationName = keyof CloudMessagingOperations;

/**
 * The TracingChannel of an operation: the same as `tracingChannel(name)` of `node:diagnostics_channel`, with its type.
 *
 * `start` and `end` enclose the call, `asyncStart` and `asyncEnd` come at its end, with `result` or `error` set. `start` runs the stores
 * that are bound to it.
 *
 * @example
 * ```ts
 * import { operationChannel } from "@cloud-messaging/core";
 *
 * operationChannel("cloud-messaging:attempt").asyncEnd.subscribe((operation) => {
 *   const { sendId, attempt, result } = operation as { sendId: string; attempt: number; result?: { counts: object } };
 *   console.log(sendId, attempt, result?.counts);
 * });
 * ```
 */
export function operationChannel<N extends OperationName>(
  name: N,
): TracingChannel<unknown, CloudMessagingOperations[N]> {
  return tracingChannel<unknown, CloudMessagingOperations[N]>(name);
}

type Channel<O extends object> = TracingChannel<unknown, O>;

/**
 * Publishes an operation: its start, the call itself, its end. For a channel that has subscribers.
 *
 * @param work Makes the call, inside the stores that are bound to `start`.
 * @param resultOf Makes the `result` that subscribers see.
 */
export function traced<O extends OperationBase & { result?: unknown }, T>(
  channel: Channel<O>,
  operation: O,
  work: () => Promise<T>,
  resultOf: (value: T) => NonNullable<O["result"]>,
): Promise<T> {
  const finish = (): void => {
    channel.asyncStart.publish(operation);
    channel.asyncEnd.publish(operation);
  };
  const sent = channel.start.runStores(operation, work);
  channel.end.publish(operation);
  return sent.then(
    (value) => {
      operation.result = resultOf(value);
      finish();
      return value;
    },
    (error: unknown) => {
      operation.error = error;
      channel.error.publish(operation);
      finish();
      throw error;
    },
  );
}

/** Counts the outcomes of a report, for subscribers. */
export function summarize(outcomes: readonly RecipientOutcome[]): OutcomeSummary {
  const counts = { accepted: 0, unregistered: 0, retryable: 0, ambiguous: 0, rejected: 0 };
  const codes: Partial<Record<ErrorCode, number>> = {};
  const kinds = new Map<string, { kind: OutcomeKind; code?: ErrorCode; recipients: number }>();
  let attempts = 0;
  let unanswered = 0;
  const statuses = new Set<number | undefined>();
  for (const outcome of outcomes) {
    const { kind } = outcome;
    counts[kind]++;
    attempts = Math.max(attempts, outcome.attempts);
    unanswered += (outcome.unansweredCopies ?? 0) + (kind === "ambiguous" ? 1 : 0);
    statuses.add(outcome.service?.status);
    const code = "code" in outcome ? outcome.code : undefined;
    if (code !== undefined) codes[code] = (codes[code] ?? 0) + 1;
    const key = `${kind} ${code}`;
    const same = kinds.get(key);
    if (same === undefined) kinds.set(key, { kind, ...(code === undefined ? {} : { code }), recipients: 1 });
    else same.recipients++;
  }
  const [status] = statuses;
  return {
    counts,
    codes,
    kinds: [...kinds.values()],
    attempts,
    unanswered,
    ...(statuses.size === 1 && status !== undefined ? { status } : {}),
  };
}

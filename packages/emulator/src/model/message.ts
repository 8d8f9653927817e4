import type { Address, IncomingMessage, Protocol } from "@cloud-messaging/connection-server";
import type { ErrorCode } from "@cloud-messaging/core";

/** An address that the model knows: installation IDs are resolved. */
export type ResolvedAddress = Exclude<Address, { kind: "fid" }>;

/** A type without its `readonly`, for the code that makes its values. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A message whose recipient is resolved. */
export interface ModelMessage extends IncomingMessage {
  readonly address: ResolvedAddress;
}

/** All values of {@link MessageState}. */
export const MESSAGE_STATES = [
  "held",
  "accepted",
  "validated",
  "stored",
  "throttled",
  "delivered",
  "collapsed",
  "expired",
  "discarded",
  "rejected",
  "unanswered",
] as const;

/**
 * State of a captured message.
 * `held`: not decided yet (CCS without automatic acks). `accepted`: accepted without a device. `validated`: dry run.
 * `stored`: waits for its device. `throttled`: waits for the next grant. `collapsed`: replaced by a newer message.
 * `expired`, `discarded`, `rejected`: not delivered; the timeline has the reason. `unanswered`: the connection ended before the answer.
 */
export type MessageState = (typeof MESSAGE_STATES)[number];

/** Event in the timeline of a message. */
export interface TimelineEntry {
  /** Time of the service. Unit: milliseconds since the epoch. */
  readonly at: number;
  readonly event: MessageState | "receipt-sent" | "receipt-acked";
  /** Device of the event. */
  readonly deviceId?: string;
  readonly detail?: string;
}

/** Captured message: request, answer and timeline. */
export interface CapturedMessage {
  /** ID, counted from 1 in order of arrival. */
  readonly id: number;
  /** Time of arrival, by the service. Unit: milliseconds since the epoch. */
  readonly at: number;
  readonly protocol: Protocol;
  readonly kind: ResolvedAddress["kind"];
  readonly to: string;
  readonly senderId?: string;
  /** Project in the path of the request. FCM HTTP v1. */
  readonly project?: string;
  /** Message ID: over CCS that of the sender, otherwise that of the service once issued. */
  readonly messageId?: string;
  readonly data: Readonly<Record<string, string>>;
  readonly notification?: Readonly<Record<string, unknown>>;
  readonly collapseKey?: string;
  /** Time to live. Unit: seconds. */
  readonly timeToLiveSec: number;
  readonly priority?: string;
  readonly delayWhileIdle: boolean;
  readonly dryRun: boolean;
  readonly receiptRequested: boolean;
  /** Text as received. */
  readonly wire: string;
  readonly state: MessageState;
  /** Reason, for states that have one. */
  readonly reason?: string;
  /** Name in the error-code table, if rejected. */
  readonly code?: ErrorCode;
  /** Number of devices addressed. */
  readonly devices: number;
  /** Number of devices reached. */
  readonly delivered: number;
  /** Events, oldest first. For a message to many devices only the first hundred are kept. */
  readonly timeline: readonly TimelineEntry[];
}

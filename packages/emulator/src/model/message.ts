import type { Address, IncomingMessage, MessageContent, Protocol } from "@cloud-messaging/connection-server";
import type { ErrorCode } from "@cloud-messaging/core";
import type { AppInstance } from "./devices.ts";

/** An address that the model knows: installation IDs are resolved. */
export type ResolvedAddress = Exclude<Address, { kind: "fid" }>;

/** A message whose recipient is resolved. */
export interface ModelMessage extends IncomingMessage {
  readonly address: ResolvedAddress;
}

/** Every {@link MessageState}. */
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
 * Where a captured message stands.
 * `held`: read, and not decided on yet (CCS without automatic acks). `accepted`: taken, no device is meant. `validated`: a dry run.
 * `stored`: waits for its device. `throttled`: waits for the next grant. `collapsed`: a newer one took its place.
 * `expired`, `discarded`, `rejected`: gone; the timeline says why. `unanswered`: its connection ended before the answer.
 */
export type MessageState = (typeof MESSAGE_STATES)[number];

/** One thing that happened to a message. */
export interface TimelineEntry {
  /** The service's time. Milliseconds since the epoch. */
  readonly at: number;
  readonly event: MessageState | "receipt-sent" | "receipt-acked";
  /** The device it happened on or for. */
  readonly deviceId?: string;
  readonly detail?: string;
}

/** The part of a message's content that reaches an app or decides how. */
export type DeliveredContent = Pick<MessageContent, "data" | "notification" | "collapseKey" | "timeToLiveSec">;

/** One message on its way to one app on one device. */
export interface Delivery {
  readonly captured: CapturedMessage;
  readonly app: AppInstance;
  /** The token it was sent to. */
  readonly token: string;
  /** `from` as the app sees it: the sender ID, the topic, the group's key. */
  readonly from: string;
  /** Milliseconds since the epoch, in the service's time. */
  readonly expiresAt: number;
  /** What it is on the app's device, where that is not what was captured. */
  readonly content?: DeliveredContent | undefined;
  cancelExpiry?: (() => void) | undefined;
  /** Its number among the messages that wait, while it does. */
  waitingAs?: number | undefined;
}

/** A message as the service captured it: what came, what was answered, and what became of it. */
export interface CapturedMessage {
  /** Counts up from 1 in the order of arrival. */
  readonly id: number;
  /** The service's time of arrival. Milliseconds since the epoch. */
  readonly at: number;
  readonly door: Protocol;
  readonly kind: ResolvedAddress["kind"];
  readonly to: string;
  readonly senderId?: string;
  /** CCS: the sender's own ID. Otherwise the ID the service gave, once it has. */
  readonly messageId?: string;
  readonly data: Readonly<Record<string, string>>;
  readonly notification?: Readonly<Record<string, unknown>>;
  readonly collapseKey?: string;
  /** Unit: seconds. */
  readonly timeToLiveSec: number;
  readonly priority?: string;
  readonly delayWhileIdle: boolean;
  readonly dryRun: boolean;
  readonly receiptRequested: boolean;
  /** As it came over the wire. */
  readonly wire: string;
  readonly state: MessageState;
  /** Why, for a state that needs a reason. */
  readonly reason?: string;
  /** The failure's name in the error-code table, when it was rejected. */
  readonly code?: ErrorCode;
  /** How many devices it was meant for. */
  readonly devices: number;
  /** How many of them have it. */
  readonly delivered: number;
  /** What happened, the oldest first. Of a message to many devices only the first hundred entries are kept. */
  readonly timeline: readonly TimelineEntry[];
}

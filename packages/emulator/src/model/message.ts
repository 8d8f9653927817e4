import type { ErrorCode } from "@cloud-messaging/core";
import type { ConditionNode } from "@cloud-messaging/core/transport";
import type { AppInstance, Platform } from "./devices.ts";

/** Which door a message came through. */
export type Door = "gcm-http" | "ccs" | "fcm-v1";

/** Where a message goes, read. */
export type Address =
  | { readonly kind: "token"; readonly token: string }
  /** The bare name. */
  | { readonly kind: "topic"; readonly topic: string }
  | { readonly kind: "condition"; readonly condition: string; readonly node: ConditionNode }
  | { readonly kind: "group"; readonly notificationKey: string };

/** What a message is on the devices of one platform. */
export interface MessageContent {
  readonly data: Readonly<Record<string, string>>;
  readonly notification?: Readonly<Record<string, unknown>> | undefined;
  readonly collapseKey?: string | undefined;
  /** Unit: seconds. */
  readonly timeToLiveSec: number;
  readonly priority?: string | undefined;
  readonly restrictedPackageName?: string | undefined;
  /** The bytes that count against the payload limit, where they are not those of `data`. */
  readonly payloadBytes?: number | undefined;
  /** Why the platform's own service does not take it. */
  readonly refusal?: Refusal | undefined;
}

/** A message for one address as a door understood it: no wire is left in it, but for what the inbox shows. */
export interface IncomingMessage extends MessageContent {
  readonly door: Door;
  readonly address: Address;
  /** `to` or the condition as the sender wrote it. */
  readonly to: string;
  /** On whose behalf; `undefined` when the credentials do not say, and then every token's sender is the right one. */
  readonly senderId?: string | undefined;
  /** The project whose quota it counts for, where that is not its sender's (v1). */
  readonly project?: string | undefined;
  /** The sender's own ID of it (CCS). */
  readonly messageId?: string | undefined;
  /** The content by platform, where that differs (v1). Default: the same for all. */
  readonly contentFor?: ((platform: Platform) => MessageContent) | undefined;
  /** Whether an unknown token has to look like one that was given out; otherwise it is malformed (v1). Default `false`. */
  readonly checksTokenForm?: boolean | undefined;
  readonly delayWhileIdle?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly receiptRequested?: boolean | undefined;
  /** What came over the wire, as text. For the inbox. */
  readonly wire: string;
}

/** The service's answer about one message. */
export type Decision =
  | {
      readonly kind: "accepted";
      readonly messageId: string;
      /** The same in the form that topic answers use. */
      readonly numericId: bigint;
      /** The token to use from now on. */
      readonly canonicalToken?: string;
      /** To a device group. */
      readonly group?: { readonly success: number; readonly failure: number; readonly failed: readonly string[] };
    }
  | Refusal;

/** The service does not take a message, and why. */
export interface Refusal {
  readonly kind: "refused";
  readonly code: ErrorCode;
  /** The wire's word, where it is not the table's word for the code. */
  readonly word?: string | undefined;
  /** In words, for a wire that has room for them. */
  readonly detail?: string | undefined;
  /** The value of Retry-After that goes with it. */
  readonly retryAfter?: string | undefined;
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
  readonly door: Door;
  readonly kind: Address["kind"];
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

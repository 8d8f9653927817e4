import type { MessageContent, Platform } from "@cloud-messaging/connection-server";
import type { CancelTimer } from "@cloud-messaging/core/transport";
import type { CapturedMessage } from "./message.ts";
import type { MessageStorage } from "./storage.ts";
import type { DeviceRate, Throttle } from "./throttling.ts";

/** Message as received by an app. */
export interface DeviceMessage {
  /** ID of the captured message; absent on the marker. */
  readonly inboxId?: number;
  /** Message ID that a receipt would name: the sender's over CCS, otherwise that of the service. */
  readonly messageId?: string;
  /** Sender ID, `/topics/name`, or key of the group. */
  readonly from: string;
  /** Token that it was sent to. */
  readonly token: string;
  readonly collapseKey?: string;
  readonly data: Readonly<Record<string, string>>;
  readonly notification?: Readonly<Record<string, unknown>>;
  /** `deleted_messages`: marker for messages that the service discarded. */
  readonly messageType?: "deleted_messages";
  /** Number of discarded messages, on the marker. */
  readonly totalDeleted?: number;
  /** Time of the service. Unit: milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** Phone or browser. */
export interface Device {
  readonly id: string;
  readonly name: string;
  readonly platform: Platform;
  connected: boolean;
  idle: boolean;
  /** Time of the disconnect, by the service. Unit: milliseconds since the epoch. */
  awaySince: number | undefined;
  readonly apps: Set<AppInstance>;
  readonly rate: DeviceRate | undefined;
}

/** App on a device. */
export interface AppInstance {
  readonly id: string;
  readonly device: Device;
  readonly packageName: string;
  readonly senderIds: ReadonlySet<string>;
  /** Token of the latest registration. */
  canonicalToken: string;
  /** Valid tokens, oldest first. Empty once the service has noticed an uninstall. */
  readonly tokens: Set<string>;
  /** Expiry of superseded tokens, if any. */
  readonly tokenExpiries: Map<string, { readonly at: number; readonly cancel: CancelTimer }>;
  /** True if installed on the phone; the service notices a change at the next delivery. */
  installed: boolean;
  readonly topics: Map<string, number>;
  readonly storage: MessageStorage<Delivery>;
  readonly throttle: Throttle;
  /** Cancels the timer of the next grant. */
  cancelGrant: (() => void) | undefined;
  confirmReceipts: "auto" | "manual";
  readonly received: DeviceMessage[];
  /** Numbers of the received messages, counted over all devices. */
  readonly receivedAs: number[];
  /** Number of messages ever received, including those no longer listed. */
  receivedTotal: number;
  /** Received messages that requested a receipt and are not confirmed, by captured ID. */
  readonly unconfirmed: Map<number, Delivery>;
}

/** Content of a message that reaches an app or affects delivery. */
export type DeliveredContent = Pick<MessageContent, "data" | "notification" | "collapseKey" | "timeToLiveSec">;

/** One message in delivery to one app on one device. */
export interface Delivery {
  readonly captured: CapturedMessage;
  readonly app: AppInstance;
  /** Token that it was sent to. */
  readonly token: string;
  /** `from` as received by the app: sender ID, topic, or key of the group. */
  readonly from: string;
  /** Expiry, in the service's time. Unit: milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Content on the app's device, if different from the captured one. */
  readonly content?: DeliveredContent | undefined;
  cancelExpiry?: (() => void) | undefined;
  /** Number among the stored messages, while it is stored. */
  waitingAs?: number | undefined;
}

import type { Platform } from "@cloud-messaging/connection-server";
import { CloudMessagingError } from "@cloud-messaging/core";
import type { DeviceMessage } from "./model/app-instance.ts";
import type { DeviceView } from "./model/devices.ts";

/** Options of a device and the app on it. */
export interface DeviceOptions {
  /** Name shown in the inbox. @defaultValue `device-1`, `device-2`, … */
  readonly name?: string;
  /** Package name of the app. @defaultValue `com.example.app` */
  readonly packageName?: string;
  /** Sender ID that the app registers with. @defaultValue that of the emulator */
  readonly senderId?: string;
  /** Several sender IDs, up to 100. */
  readonly senderIds?: readonly string[];
  /** First registration token. Range: 4 to 4096 characters without white space. @defaultValue generated */
  readonly token?: string;
  /** Connected to the service. @defaultValue `true` */
  readonly connected?: boolean;
  /** Idle (asleep). @defaultValue `false` */
  readonly idle?: boolean;
  /** Platform, which decides how FCM v1 treats a message. @defaultValue `android` */
  readonly platform?: Platform;
  /** Confirmation of messages that request a receipt: by the app itself, or by `confirmReceipt()`. @defaultValue `auto` */
  readonly confirmReceipts?: "auto" | "manual";
}

/** Upstream message to send. */
export interface SendUpstreamOptions {
  /** Sender ID of the addressee. @defaultValue the first sender of the app */
  readonly senderId?: string;
  /** Key of a device group whose other members are the addressees. */
  readonly notificationKey?: string;
  /** Message ID. @defaultValue generated */
  readonly messageId?: string;
  /** Time to live. Unit: seconds. Range: 0 to 2419200. @defaultValue 86400 */
  readonly timeToLiveSec?: number;
}

/** An app on an emulated device. Methods stand for what app and phone do. */
export interface EmulatedDevice {
  /** ID of the app on this device, for the control API. */
  readonly id: string;
  /** ID of the device, shared by its apps. */
  readonly deviceId: string;
  /** Name of the device in the inbox. */
  readonly name: string;
  readonly platform: Platform;
  /** Package name of the app. */
  readonly packageName: string;
  /** Sender IDs that may send to the app. Empty: all (the device was registered for an unknown token). */
  readonly senderIds: readonly string[];
  /** Token of the latest registration: the canonical one. */
  readonly token: string;
  /** True if connected. Messages to a disconnected device are stored by the service. */
  readonly connected: boolean;
  /** True if idle. Only `delay_while_idle` messages wait for activity. */
  readonly idle: boolean;
  /** True if the app is installed. The service notices an uninstall at a later delivery. */
  readonly installed: boolean;
  /** Messages that the app has received, oldest first. */
  readonly received: readonly DeviceMessage[];
  /** Subscribed topics, without `/topics/`. */
  readonly topics: readonly string[];
  /** Number of messages stored for the app by the service. */
  readonly stored: number;
  /** Confirmation of messages that request a receipt; can be changed at any time. */
  confirmReceipts: "auto" | "manual";
  /** Connects the device: stored messages are delivered. */
  connect(): void;
  /** Disconnects the device. */
  disconnect(): void;
  /** Makes the device idle, or active again. */
  setIdle(idle: boolean): void;
  /** Registers the app again and returns the new token. The previous token keeps working; answers to it name the new one as canonical. */
  reregister(token?: string): string;
  /** Uninstalls the app: the next message is accepted, later ones are answered `NotRegistered`. */
  uninstall(): void;
  /** Unregisters the app: `NotRegistered` from now on. */
  unregister(): void;
  /** Subscribes to a topic. @throws {InvalidOptionsError} The topic name is invalid, or the app has 2000 topics. */
  subscribe(topic: string): void;
  /** Unsubscribes from a topic; without effect if not subscribed. */
  unsubscribe(topic: string): void;
  /**
   * Sends an upstream message. It is delivered to a connection of the app server and redelivered until acknowledged. `acked` resolves with
   * the ack; it rejects when the message expires or the emulator closes (without an unhandled rejection).
   *
   * @throws {DeviceQueueFullError} The device is disconnected and has 20 messages queued.
   */
  sendUpstream(data: Readonly<Record<string, string>>, options?: SendUpstreamOptions): UpstreamSend;
  /** Confirms a received message that requested a receipt, with `confirmReceipts: "manual"`. Returns `false` if there is none to confirm. */
  confirmReceipt(message: DeviceMessage | string): boolean;
  /**
   * Resolves with the first received message that matches, present or future.
   *
   * @throws {AbortedError} The signal aborted. @throws {ClosedError} The emulator closed.
   */
  waitFor(
    predicate: (message: DeviceMessage) => boolean,
    options?: { readonly signal?: AbortSignal },
  ): Promise<DeviceMessage>;
  /** Installs another app on the same device. */
  installApp(options?: Omit<DeviceOptions, "name" | "connected" | "idle" | "platform">): EmulatedDevice;
  /** Removes the device from the emulator. */
  remove(): void;
  /** Returns device and app as plain data. */
  toJSON(): DeviceView;
}

/** An upstream message in flight. */
export interface UpstreamSend {
  /** Message ID, as the app server receives and acknowledges it. */
  readonly messageId: string;
  /** Resolves when the app server has acknowledged the message. */
  readonly acked: Promise<void>;
}

/** An upstream message that will never be acknowledged. */
export class UpstreamLostError extends CloudMessagingError<"ERR_UPSTREAM_LOST"> {
  override readonly name = "UpstreamLostError";
  readonly messageId: string;
  /** Reason: its time to live passed, or it was discarded because too many were queued or the emulator closed. */
  readonly result: "expired" | "discarded";

  constructor(messageId: string, result: "expired" | "discarded") {
    super("ERR_UPSTREAM_LOST", `The upstream message ${messageId} was ${result} before the app server acked it`);
    this.messageId = messageId;
    this.result = result;
  }
}

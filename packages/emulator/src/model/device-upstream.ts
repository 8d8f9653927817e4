import { type Clock, CloudMessagingError } from "@cloud-messaging/core";
import type { AppInstance, Delivery, Device } from "./app-instance.ts";
import type { DeliveryEngine } from "./delivery.ts";
import type { DeviceGroups } from "./device-groups.ts";
import type { DeviceRegistry } from "./devices.ts";
import type { ModelMessage } from "./message.ts";
import type { MessageLog } from "./ports.ts";
import type { ProfileRules } from "./profile.ts";
import type { UpstreamQueues } from "./upstream.ts";

/** Default time to live of upstream messages. Source: docs/emulator-fidelity.md#upstream */
const UPSTREAM_TTL_SEC = 86_400;
/** Maximum number of upstream messages queued on a disconnected device. Source: docs/emulator-fidelity.md#upstream */
const MAX_DEVICE_UPSTREAM = 20;

/** Upstream message as sent by a device. */
export interface UpstreamRequest {
  readonly data: Readonly<Record<string, string>>;
  /** Sender ID of the addressee. Default: the first sender of the app. */
  readonly senderId?: string;
  /** Key of a device group whose other members are the addressees. */
  readonly notificationKey?: string;
  readonly messageId: string;
  /** Time to live. Unit: seconds. Default: one day. */
  readonly timeToLiveSec?: number;
  readonly settle: (result: "acked" | "expired" | "discarded") => void;
}

/** The upstream queue of a disconnected device is full. */
export class DeviceQueueFullError extends CloudMessagingError<"ERR_DEVICE_QUEUE_FULL"> {
  override readonly name = "DeviceQueueFullError";

  constructor() {
    super(
      "ERR_DEVICE_QUEUE_FULL",
      `The device is not connected and has ${MAX_DEVICE_UPSTREAM} upstream messages waiting, which is the limit: connect it first`,
    );
  }
}

/** Dependencies of upstream messages. */
export interface DeviceUpstreamParts {
  readonly clock: Clock;
  readonly profile: ProfileRules;
  /** Sender of an app without one. */
  readonly defaultSenderId: string;
  readonly registry: DeviceRegistry;
  readonly groups: DeviceGroups;
  readonly upstream: UpstreamQueues;
  readonly inbox: MessageLog;
  readonly delivery: () => DeliveryEngine;
  /** Captures a message from a device to its group. */
  readonly receive: (message: ModelMessage) => Delivery["captured"];
}

/** Upstream messages of devices, to app servers and groups, and receipts. */
export class DeviceUpstream {
  readonly #parts: DeviceUpstreamParts;
  readonly #unsent = new Map<AppInstance, UpstreamRequest[]>();

  constructor(parts: DeviceUpstreamParts) {
    this.#parts = parts;
  }

  /** Sends an upstream message. @throws {DeviceQueueFullError} The device is disconnected and has 20 messages queued. */
  send(app: AppInstance, request: UpstreamRequest): void {
    if (app.device.connected) {
      this.#forward(app, request);
      return;
    }
    const unsent = this.#unsent.get(app) ?? [];
    if (unsent.length >= MAX_DEVICE_UPSTREAM) {
      throw new DeviceQueueFullError();
    }
    unsent.push(request);
    this.#unsent.set(app, unsent);
  }

  /** Sends the messages queued on a device that has connected, until a listener of events ends that. */
  flush(device: Device): void {
    for (const app of device.apps) {
      const unsent = this.#unsent.get(app) ?? [];
      while (device.connected) {
        const request = unsent.shift();
        if (request === undefined) break;
        this.#forward(app, request);
      }
      if (unsent.length === 0) this.#unsent.delete(app);
    }
  }

  /** Sends the receipt of a confirmed message. */
  sendReceipt({ captured, app, token }: Delivery): void {
    const { clock, inbox, profile, upstream } = this.#parts;
    const { domain } = profile;
    const messageId = `${profile.receiptPrefix}${captured.messageId ?? captured.id}`;
    inbox.note(captured, clock.now(), "receipt-sent", { deviceId: app.device.id });
    upstream.enqueue({
      kind: "receipt",
      senderId: captured.senderId ?? this.#senderOf(app),
      from: domain,
      messageId,
      receiptFor: captured.messageId,
      expiresAt: clock.now() + UPSTREAM_TTL_SEC * 1000,
      json: JSON.stringify({
        category: app.packageName,
        data: {
          message_status: "MESSAGE_SENT_TO_DEVICE",
          original_message_id: captured.messageId,
          device_registration_id: token,
          message_sent_timestamp: String(Math.floor(clock.now())),
        },
        message_id: messageId,
        message_type: "receipt",
        from: domain,
      }),
      settle: (result) => {
        if (result === "acked") inbox.note(captured, clock.now(), "receipt-acked", { deviceId: app.device.id });
      },
    });
  }

  /** Drops the queued messages of a removed app. */
  discardUnsent(app: AppInstance): void {
    const unsent = this.#unsent.get(app) ?? [];
    this.#unsent.delete(app);
    for (const { settle } of unsent.splice(0)) settle("discarded");
  }

  /** Drops every message queued on devices. */
  reset(): void {
    for (const unsent of this.#unsent.values()) for (const { settle } of unsent.splice(0)) settle("discarded");
    this.#unsent.clear();
  }

  #senderOf(app: AppInstance): string {
    return [...app.senderIds][0] ?? this.#parts.defaultSenderId;
  }

  #forward(app: AppInstance, request: UpstreamRequest): void {
    const { clock, upstream } = this.#parts;
    const timeToLiveSec = request.timeToLiveSec ?? UPSTREAM_TTL_SEC;
    if (request.notificationKey !== undefined) {
      this.#toGroup(app, request, request.notificationKey, timeToLiveSec);
      return;
    }
    upstream.enqueue({
      kind: "upstream",
      senderId: request.senderId ?? this.#senderOf(app),
      from: app.canonicalToken,
      messageId: request.messageId,
      expiresAt: clock.now() + timeToLiveSec * 1000,
      json: JSON.stringify({
        data: request.data,
        time_to_live: timeToLiveSec,
        from: app.canonicalToken,
        message_id: request.messageId,
        category: app.packageName,
      }),
      settle: request.settle,
    });
  }

  /** Delivers a message to the other members of a group, and cancels there what this device has handled. */
  #toGroup(app: AppInstance, request: UpstreamRequest, key: string, timeToLiveSec: number): void {
    const { groups, registry, clock, inbox, receive } = this.#parts;
    const delivery = this.#parts.delivery();
    const group = groups.byKey(key);
    if (group === undefined) {
      request.settle("discarded");
      return;
    }
    const handled = new Set(app.received.map(({ inboxId }) => inboxId));
    for (const token of group.members) {
      const member = registry.byToken(token);
      if (member === undefined || member === app) continue;
      delivery.withdraw(member, ({ captured }) => captured.kind === "group" && handled.has(captured.id));
      const captured = receive({
        protocol: "ccs",
        address: { kind: "token", token },
        to: token,
        messageId: request.messageId,
        data: request.data,
        timeToLiveSec,
        wire: JSON.stringify({ to: key, message_id: request.messageId, data: request.data }),
      });
      inbox.meantFor(captured, 1);
      inbox.note(captured, clock.now(), "accepted", { detail: "upstream message to a device group" });
      const expiresAt = clock.now() + timeToLiveSec * 1000;
      delivery.deliver({ captured, app: member, token, from: key, expiresAt });
    }
    request.settle("acked");
  }
}

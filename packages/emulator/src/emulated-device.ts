import { PLATFORMS, type Platform } from "@cloud-messaging/connection-server";
import { AbortedError, ClosedError, InvalidOptionsError } from "@cloud-messaging/core";
import type { EventHub } from "./events.ts";
import {
  type AppInstance,
  type DeviceMessage,
  type DeviceRegistry,
  type DeviceView,
  MAX_SENDERS,
  viewOf,
} from "./model/devices.ts";
import type { ServiceIds } from "./model/ids.ts";
import { type CloudService, MAX_TOPICS } from "./model/service.ts";
import { isMalformed } from "./model/token-rules.ts";

/** A device to make, and the app on it. */
export interface DeviceOptions {
  /** What the inbox calls it. @defaultValue `device-1`, `device-2`, … */
  readonly name?: string;
  /** The app's package. @defaultValue `com.example.app` */
  readonly packageName?: string;
  /** The sender that the app registers with. @defaultValue the emulator's */
  readonly senderId?: string;
  /** Or several: up to 100. */
  readonly senderIds?: readonly string[];
  /** Its first token. 4 to 4096 characters, no white space. @defaultValue made up */
  readonly token?: string;
  /** @defaultValue `true` */
  readonly connected?: boolean;
  /** @defaultValue `false` */
  readonly idle?: boolean;
  /** What kind of device it is: how FCM v1 treats a message goes by it. @defaultValue `android` */
  readonly platform?: Platform;
  /** Whether the app confirms messages that ask for a receipt by itself. @defaultValue `auto` */
  readonly confirmReceipts?: "auto" | "manual";
}

/** An upstream message to send. */
export interface SendUpstreamOptions {
  /** Whom to. @defaultValue the app's first sender */
  readonly senderId?: string;
  /** Or the other members of a device group, by its key. */
  readonly notificationKey?: string;
  /** @defaultValue made up */
  readonly messageId?: string;
  /** Unit: seconds. Range: 0 to 2419200. @defaultValue 86400 */
  readonly timeToLiveSec?: number;
}

/** An app on a device that exists only here: everything a phone would do, by call. */
export interface EmulatedDevice {
  /** Names this app on this device in the control API. */
  readonly id: string;
  /** Names the device; apps on the same one share it. */
  readonly deviceId: string;
  /** What the inbox calls the device. */
  readonly name: string;
  readonly platform: Platform;
  /** The app's package. */
  readonly packageName: string;
  /** Senders that may send to it. Empty: every one (it registered by itself). */
  readonly senderIds: readonly string[];
  /** The token of the latest registration: the canonical one. */
  readonly token: string;
  /** The same, by its other name. */
  readonly canonicalToken: string;
  /** Whether the device is connected; what is sent meanwhile waits on the service. */
  readonly connected: boolean;
  /** Whether the device sleeps; only `delay_while_idle` messages wait for its end. */
  readonly idle: boolean;
  /** Whether the app is on the device. The service finds out later. */
  readonly installed: boolean;
  /** What the app received, the oldest first. */
  readonly received: readonly DeviceMessage[];
  /** Topics it is subscribed to, without `/topics/`. */
  readonly topics: readonly string[];
  /** Messages that wait on the service. */
  readonly stored: number;
  /** Whether messages that ask for a receipt are confirmed by themselves. May be changed at any time. */
  confirmReceipts: "auto" | "manual";
  /** The device is connected again: everything that waits is delivered. */
  connect(): void;
  /** The device is away. */
  disconnect(): void;
  /** Sends the device to sleep, or wakes it. */
  setIdle(idle: boolean): void;
  /** Registers again. The token before goes on working, and answers to it name the new one. Returns the new one. */
  reregister(token?: string): string;
  /** Removes the app: the next message is accepted and finds nobody, then it is `NotRegistered`. */
  uninstall(): void;
  /** The app tells the service that it wants no more: `NotRegistered` at once. */
  unregister(): void;
  /** @throws {InvalidOptionsError} for a name that no topic can have, or beyond 2000 topics. */
  subscribe(topic: string): void;
  /** Ends a subscription; of one that is not there nothing happens. */
  unsubscribe(topic: string): void;
  /**
   * Sends an upstream message. It reaches the app server's connection, is written again while unacked, and `acked` resolves with the
   * ack; it rejects when the message expires or the emulator closes (nobody has to listen).
   *
   * @throws {DeviceQueueFullError} when the device is not connected and 20 wait.
   */
  sendUpstream(data: Readonly<Record<string, string>>, options?: SendUpstreamOptions): UpstreamSend;
  /** Confirms a received message that asked for a receipt; with `confirmReceipts: "manual"`. `false`: nothing to confirm. */
  confirmReceipt(message: DeviceMessage | string): boolean;
  /**
   * Resolves with the first received message that matches, now or later.
   *
   * @throws {AbortedError} when the signal aborts. @throws {ClosedError} when the emulator closes.
   */
  waitFor(
    predicate: (message: DeviceMessage) => boolean,
    options?: { readonly signal?: AbortSignal },
  ): Promise<DeviceMessage>;
  /** Puts another app on the same device. */
  installApp(options?: Omit<DeviceOptions, "name" | "connected" | "idle" | "platform">): EmulatedDevice;
  /** Takes the device out of the emulator. */
  remove(): void;
  /** All of it as plain data. */
  toJSON(): DeviceView;
}

/** An upstream message under way. */
export interface UpstreamSend {
  /** What the app server sees, and acks. */
  readonly messageId: string;
  /** Resolves when the app server has acked it. */
  readonly acked: Promise<void>;
}

/** What devices need of the emulator. */
export interface DeviceWorld {
  readonly service: CloudService;
  readonly registry: DeviceRegistry;
  readonly ids: ServiceIds;
  readonly events: EventHub;
  readonly now: () => number;
  readonly defaultSenderId: string;
  /** Calls back when the emulator closes. */
  readonly onClose: (run: () => void) => () => void;
}

/** Makes a device with one app. */
export function createDevice(world: DeviceWorld, number: number, options: DeviceOptions = {}): EmulatedDevice {
  check(world, options);
  const id = `d${number}-${world.ids.hex(6)}`;
  const { name = `device-${number}`, platform, connected = true, idle = false } = options;
  const device = world.registry.addDevice({ id, name, platform, connected, idle });
  return addApp(world, device, id, options);
}

function addApp(world: DeviceWorld, device: AppInstance["device"], id: string, options: DeviceOptions): EmulatedDevice {
  const app = world.registry.addApp(device, {
    id,
    token: options.token ?? world.ids.token(),
    packageName: options.packageName ?? "com.example.app",
    senderIds: options.senderIds ?? [options.senderId ?? world.defaultSenderId],
  });
  app.confirmReceipts = options.confirmReceipts ?? "auto";
  world.events.emit({ type: "device", change: "created", device: viewOf(app) });
  return handleOf(world, app);
}

/** @param owner May have had the token before. */
function checkToken(world: DeviceWorld, token: string, owner?: AppInstance): void {
  if (typeof token !== "string" || isMalformed(token)) {
    throw wrong("token", "must have 4 to 4096 characters, without white space or control characters");
  }
  const app = world.registry.byToken(token);
  if (app !== undefined && app !== owner) throw wrong("token", "belongs to another device");
}

function check(world: DeviceWorld, options: DeviceOptions): void {
  const { token, senderId, senderIds, platform } = options;
  if (platform !== undefined && !PLATFORMS.includes(platform)) {
    throw wrong("platform", `must be one of ${PLATFORMS.join(", ")}`);
  }
  if (world.registry.full)
    throw wrong("", "the emulator has as many devices as maxDevices allows: raise it, or remove some");
  if (token !== undefined) checkToken(world, token);
  if (senderIds !== undefined && (senderIds.length === 0 || senderIds.length > MAX_SENDERS)) {
    throw wrong("senderIds", `must be 1 to ${MAX_SENDERS} sender IDs`);
  }
  for (const each of senderIds ?? (senderId === undefined ? [] : [senderId])) {
    if (!/^\d{1,20}$/.test(each))
      throw wrong(senderIds === undefined ? "senderId" : "senderIds", "must be 1 to 20 digits");
  }
}

function wrong(path: string, problem: string): InvalidOptionsError {
  return new InvalidOptionsError([{ path, problem }]);
}

/** The handle of an app that exists. */
export function handleOf(world: DeviceWorld, app: AppInstance): EmulatedDevice {
  const { service, registry, ids, events } = world;
  const isThere = (): boolean => registry.app(app.id) === app;
  const requireThere = (): void => {
    if (!isThere())
      throw wrong("", "the device is not in the emulator any more: it was removed, or forgotten by a reset");
  };
  const changed = (change: string): void => events.emit({ type: "device", change, device: viewOf(app) });
  return {
    id: app.id,
    deviceId: app.device.id,
    name: app.device.name,
    platform: app.device.platform,
    packageName: app.packageName,
    senderIds: [...app.senderIds],
    get token() {
      return app.canonicalToken;
    },
    get canonicalToken() {
      return app.canonicalToken;
    },
    get connected() {
      return app.device.connected;
    },
    get idle() {
      return app.device.idle;
    },
    get installed() {
      return app.installed;
    },
    get received() {
      return app.received;
    },
    get topics() {
      return [...app.topics.keys()];
    },
    get stored() {
      return app.storage.size;
    },
    get confirmReceipts() {
      return app.confirmReceipts;
    },
    set confirmReceipts(value) {
      app.confirmReceipts = value;
    },
    connect() {
      requireThere();
      service.setConnected(app, true);
    },
    disconnect() {
      requireThere();
      service.setConnected(app, false);
    },
    setIdle(idle) {
      requireThere();
      service.delivery.setIdle(app.device, idle);
    },
    reregister(token) {
      requireThere();
      if (token !== undefined) checkToken(world, token, app);
      return service.reregister(app, token);
    },
    uninstall() {
      requireThere();
      service.delivery.uninstall(app);
    },
    unregister() {
      requireThere();
      service.unregister(app);
    },
    subscribe(topic) {
      requireThere();
      const name = topic.replace(/^\/topics\//, "");
      if (!/^[a-zA-Z0-9\-_.~%]{1,900}$/.test(name)) {
        throw wrong("topic", "must have 1 to 900 of the characters a-z A-Z 0-9 - _ . ~ %");
      }
      if (!registry.subscribe(app, name, world.now(), MAX_TOPICS))
        throw wrong("topic", `an app has at most ${MAX_TOPICS} topics`);
      changed("subscribed");
    },
    unsubscribe(topic) {
      requireThere();
      registry.unsubscribe(app, topic.replace(/^\/topics\//, ""));
      changed("unsubscribed");
    },
    sendUpstream(data, options = {}) {
      requireThere();
      const { notificationKey } = options;
      if (notificationKey !== undefined && service.addressOf(notificationKey).kind !== "group") {
        throw wrong("notificationKey", "is the key of no device group");
      }
      const messageId = options.messageId ?? `u-${ids.hex(12)}`;
      let settle: (result: "acked" | "expired" | "discarded") => void = () => {};
      const acked = new Promise<void>((resolve, reject) => {
        settle = (result) => {
          if (result === "acked") resolve();
          else reject(new UpstreamLostError(messageId, result));
        };
      });
      acked.catch(() => {}); // whoever waits sees it; nobody has to
      service.deviceUpstream.send(app, { ...options, data, messageId, settle });
      return { messageId, acked };
    },
    confirmReceipt(message) {
      requireThere();
      if (typeof message !== "string") {
        return message.inboxId !== undefined && service.delivery.confirm(app, message.inboxId);
      }
      for (const [inboxId, { captured }] of app.unconfirmed) {
        if (captured.messageId === message) return service.delivery.confirm(app, inboxId);
      }
      return false;
    },
    waitFor(predicate, { signal } = {}) {
      return new Promise((resolve, reject) => {
        const found = app.received.find((message) => predicate(message)); // what it throws rejects
        if (found !== undefined) return resolve(found);
        if (signal?.aborted) return reject(new AbortedError("device.waitFor()", signal.reason));
        let seen = app.receivedTotal;
        const end = (): void => {
          unsubscribe();
          offClose();
          signal?.removeEventListener("abort", onAbort);
        };
        const onAbort = (): void => {
          end();
          reject(new AbortedError("device.waitFor()", signal?.reason));
        };
        const offClose = world.onClose(() => {
          end();
          reject(new ClosedError("The emulator"));
        });
        const unsubscribe = events.subscribe((event) => {
          if (event.type !== "device" || event.device.id !== app.id || app.receivedTotal === seen) return;
          const fresh = app.received.slice(-(app.receivedTotal - seen));
          seen = app.receivedTotal;
          try {
            const match = fresh.find((message) => predicate(message));
            if (match === undefined) return;
            end();
            resolve(match);
          } catch (error) {
            end();
            reject(error);
          }
        });
        signal?.addEventListener("abort", onAbort, { once: true });
      });
    },
    installApp(options = {}) {
      requireThere();
      check(world, options);
      return addApp(world, app.device, `${app.device.id}-${ids.hex(6)}`, options);
    },
    remove() {
      if (isThere()) service.remove(app);
    },
    toJSON: () => viewOf(app),
  };
}

/** An upstream message will never be acked. */
export class UpstreamLostError extends Error {
  override readonly name = "UpstreamLostError";
  readonly messageId: string;
  /** It expired after its time to live, or was discarded: too many waited, or the emulator was closed. */
  readonly result: "expired" | "discarded";

  constructor(messageId: string, result: "expired" | "discarded") {
    super(`The upstream message ${messageId} was ${result} before the app server acked it`);
    this.messageId = messageId;
    this.result = result;
  }
}

import { PLATFORMS } from "@cloud-messaging/connection-server";
import { AbortedError, ClosedError, InvalidOptionsError } from "@cloud-messaging/core";
import { checkSignalOptions } from "@cloud-messaging/core/transport";
import {
  type DeviceOptions,
  type EmulatedDevice,
  type SendUpstreamOptions,
  UpstreamLostError,
} from "./emulated-device.ts";
import type { EventHub } from "./events.ts";
import type { AppInstance, DeviceMessage } from "./model/app-instance.ts";
import { type DeviceRegistry, MAX_SENDERS, viewOf } from "./model/devices.ts";
import type { ServiceIds } from "./model/ids.ts";
import { type CloudService, MAX_TOPICS } from "./model/service.ts";
import { isMalformed } from "./model/token-rules.ts";
import { optionNames } from "./option-names.ts";

/** Dependencies of devices. */
export interface DeviceWorld {
  readonly service: CloudService;
  readonly registry: DeviceRegistry;
  readonly ids: ServiceIds;
  readonly events: EventHub;
  readonly now: () => number;
  readonly defaultSenderId: string;
  /** Registers a listener that is called when the emulator closes. */
  readonly onClose: (run: () => void) => () => void;
}

/** Registers a device with one app. */
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

/** @param owner App that may have had the token before. */
function checkToken(world: DeviceWorld, token: string, owner?: AppInstance): void {
  if (typeof token !== "string" || isMalformed(token)) {
    throw wrong("token", "must have 4 to 4096 characters, without white space or control characters");
  }
  const app = world.registry.byToken(token);
  if (app !== undefined && app !== owner) throw wrong("token", "belongs to another device");
}

const checkDeviceNames = optionNames<DeviceOptions>("an option of a device", {
  name: true,
  packageName: true,
  senderId: true,
  senderIds: true,
  token: true,
  connected: true,
  idle: true,
  platform: true,
  confirmReceipts: true,
});
const checkUpstreamNames = optionNames<SendUpstreamOptions>("an option of sendUpstream", {
  senderId: true,
  notificationKey: true,
  messageId: true,
  timeToLiveSec: true,
});

function check(world: DeviceWorld, options: DeviceOptions): void {
  checkDeviceNames(options);
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

/** Creates the handle of an existing app. */
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
      return service.apps.reregister(app, token);
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
      checkUpstreamNames(options);
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
      // a device that is away sends later: what the caller changes until then is none of it
      service.deviceUpstream.send(app, { ...options, data: { ...data }, messageId, settle });
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
    waitFor: (predicate, options = {}) => waitForMessage(world, app, predicate, options),
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

function waitForMessage(
  { events, onClose }: DeviceWorld,
  app: AppInstance,
  predicate: (message: DeviceMessage) => boolean,
  options: { readonly signal?: AbortSignal },
): Promise<DeviceMessage> {
  return new Promise((resolve, reject) => {
    checkSignalOptions(options, "an option of waitFor");
    const { signal } = options;
    const found = app.received.find((message) => predicate(message)); // what it throws rejects
    if (found !== undefined) return resolve(found);
    if (signal?.aborted) return reject(new AbortedError("device.waitFor()", signal.reason, "its end"));
    let seen = app.receivedTotal;
    const end = (): void => {
      unsubscribe();
      offClose();
      signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => {
      end();
      reject(new AbortedError("device.waitFor()", signal?.reason, "its end"));
    };
    const offClose = onClose(() => {
      end();
      reject(new ClosedError("The emulator"));
    });
    const unsubscribe = events.subscribe(({ device: { id } }) => {
      if (id !== app.id || app.receivedTotal === seen) return;
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
    }, "device");
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

import type { Platform } from "@cloud-messaging/connection-server";
import type { Clock, Random } from "@cloud-messaging/core";
import type { AppInstance, Device } from "./app-instance.ts";
import { type EvictionRule, MessageStorage } from "./storage.ts";
import { type BucketRules, DeviceRate, type DeviceRateRules, Throttle } from "./throttling.ts";

/** Maximum number of sender IDs of one token. Source: docs/emulator-fidelity.md#senders */
export const MAX_SENDERS = 100;
/** Maximum number of superseded tokens per app; older ones become unknown. Implementation limit. */
const MAX_SUPERSEDED = 100;

/** Maximum number of unregistered tokens remembered, which distinguishes them from unknown ones. Implementation limit. */
const MAX_DEAD = 100_000;

/** Device and one of its apps, as plain data. */
export interface DeviceView {
  readonly id: string;
  readonly deviceId: string;
  readonly name: string;
  readonly platform: Platform;
  readonly packageName: string;
  readonly senderIds: readonly string[];
  readonly token: string;
  readonly supersededTokens: readonly string[];
  readonly connected: boolean;
  readonly idle: boolean;
  readonly installed: boolean;
  /** True if the service accepts messages for the app. */
  readonly registered: boolean;
  readonly topics: readonly string[];
  readonly stored: number;
  readonly received: number;
  readonly confirmReceipts: "auto" | "manual";
}

/** Dependencies of the registry. */
export interface DeviceRules {
  /** Clock of the service. */
  readonly clock: Clock;
  readonly random: Random;
  readonly eviction: EvictionRule;
  readonly storageLimit: number;
  readonly collapseKeyLimit: number;
  readonly collapsible: BucketRules | undefined;
  readonly nonCollapsible: BucketRules | undefined;
  readonly deviceRate: DeviceRateRules | undefined;
  readonly maxDevices: number;
}

/** Options of a new device. */
export interface NewDevice {
  readonly id: string;
  readonly name: string;
  /** Platform. Default `android`. */
  readonly platform?: Platform | undefined;
  /** Connected. Default `true`. */
  readonly connected?: boolean;
  /** Idle. Default `false`. */
  readonly idle?: boolean;
  /** Time of the disconnect, if not connected. Default: now. */
  readonly awaySince?: number | undefined;
}

/** Options of a new app on a new or existing device. */
export interface NewApp {
  readonly id: string;
  readonly token: string;
  readonly packageName: string;
  readonly senderIds: readonly string[];
  /** True if the service has noticed the uninstall, so that the token is invalid. Default `false`. */
  readonly unregistered?: boolean;
}

/** Registry of devices, apps and tokens. */
export class DeviceRegistry {
  readonly #rules: DeviceRules;
  readonly #devices = new Map<string, Device>();
  readonly #apps = new Map<string, AppInstance>();
  readonly #tokens = new Map<string, AppInstance>();
  readonly #subscribers = new Map<string, Set<AppInstance>>();
  /** Tokens that were valid once, oldest first. */
  readonly #dead = new Set<string>();

  constructor(rules: DeviceRules) {
    this.#rules = rules;
  }

  get maxDevices(): number {
    return this.#rules.maxDevices;
  }

  get full(): boolean {
    return this.#apps.size >= this.#rules.maxDevices;
  }

  addDevice({ id, name, platform = "android", connected = true, idle = false, awaySince }: NewDevice): Device {
    const rate = this.#rules.deviceRate;
    const device: Device = {
      id,
      name,
      platform,
      connected,
      idle,
      awaySince: connected ? undefined : (awaySince ?? this.#rules.clock.now()),
      apps: new Set(),
      rate: rate === undefined ? undefined : new DeviceRate(rate),
    };
    this.#devices.set(id, device);
    return device;
  }

  addApp(device: Device, { id, token, packageName, senderIds, unregistered = false }: NewApp): AppInstance {
    const { eviction, random, storageLimit, collapseKeyLimit, collapsible, nonCollapsible } = this.#rules;
    const app: AppInstance = {
      id,
      device,
      packageName,
      senderIds: new Set(senderIds),
      canonicalToken: token,
      tokens: new Set(unregistered ? [] : [token]),
      tokenExpiries: new Map(),
      installed: true,
      topics: new Map(),
      storage: new MessageStorage(eviction, random, storageLimit, collapseKeyLimit),
      throttle: new Throttle(collapsible, nonCollapsible),
      cancelGrant: undefined,
      confirmReceipts: "auto",
      received: [],
      receivedAs: [],
      receivedTotal: 0,
      unconfirmed: new Map(),
    };
    device.apps.add(app);
    this.#apps.set(id, app);
    if (unregistered) this.#bury(token);
    else this.#tokens.set(token, app);
    return app;
  }

  /** Registers an app again: the new token is canonical, earlier ones stay valid and are answered with it. */
  reregister(app: AppInstance, token: string): void {
    app.installed = true;
    // an earlier token becomes the newest again
    app.tokens.delete(token);
    forgetExpiry(app, token);
    app.tokens.add(token);
    app.canonicalToken = token;
    this.#tokens.set(token, app);
    for (const oldest of app.tokens) {
      if (app.tokens.size <= MAX_SUPERSEDED + 1) break;
      this.forgetToken(oldest);
    }
  }

  /** Adds a valid token beside the canonical one. */
  adoptToken(app: AppInstance, token: string): void {
    // the canonical token stays last
    app.tokens.delete(app.canonicalToken);
    app.tokens.add(token).add(app.canonicalToken);
    this.#tokens.set(token, app);
  }

  forgetToken(token: string): void {
    const app = this.#tokens.get(token);
    if (app === undefined) return;
    app.tokens.delete(token);
    forgetExpiry(app, token);
    this.#tokens.delete(token);
    this.#bury(token);
  }

  /** True if a token was valid once and is not any more. */
  isDead(token: string): boolean {
    return this.#dead.has(token) && !this.#tokens.has(token);
  }

  #bury(token: string): void {
    this.#dead.delete(token);
    this.#dead.add(token);
    if (this.#dead.size <= MAX_DEAD) return;
    // half at once: removing the oldest entries one by one is slow in a set
    let left = MAX_DEAD / 2;
    for (const oldest of this.#dead) {
      if (left-- === 0) break;
      this.#dead.delete(oldest);
    }
  }

  /** Invalidates every token of an app. */
  unregister(app: AppInstance): void {
    for (const token of app.tokens) {
      this.#tokens.delete(token);
      this.#bury(token);
      forgetExpiry(app, token);
    }
    app.tokens.clear();
    for (const topic of [...app.topics.keys()]) this.unsubscribe(app, topic);
  }

  remove(app: AppInstance): void {
    this.unregister(app);
    app.cancelGrant?.();
    this.#apps.delete(app.id);
    app.device.apps.delete(app);
    if (app.device.apps.size === 0) this.#devices.delete(app.device.id);
  }

  byToken(token: string): AppInstance | undefined {
    return this.#tokens.get(token);
  }

  app(id: string): AppInstance | undefined {
    return this.#apps.get(id);
  }

  device(id: string): Device | undefined {
    return this.#devices.get(id);
  }

  apps(): IterableIterator<AppInstance> {
    return this.#apps.values();
  }

  /** Subscribes to a topic. @returns `false` if the app has the maximum number of topics. */
  subscribe(app: AppInstance, topic: string, at: number, maxTopics: number): boolean {
    if (app.topics.has(topic)) return true;
    if (app.topics.size >= maxTopics) return false;
    app.topics.set(topic, at);
    let subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) {
      subscribers = new Set();
      this.#subscribers.set(topic, subscribers);
    }
    subscribers.add(app);
    return true;
  }

  unsubscribe(app: AppInstance, topic: string): void {
    app.topics.delete(topic);
    const subscribers = this.#subscribers.get(topic);
    subscribers?.delete(app);
    if (subscribers?.size === 0) this.#subscribers.delete(topic);
  }

  subscribers(topic: string): Iterable<AppInstance> {
    return this.#subscribers.get(topic) ?? [];
  }
}

function forgetExpiry({ tokenExpiries }: AppInstance, token: string): void {
  tokenExpiries.get(token)?.cancel();
  tokenExpiries.delete(token);
}

/** Returns an app and its device as plain data. */
export function viewOf(app: AppInstance): DeviceView {
  return {
    id: app.id,
    deviceId: app.device.id,
    name: app.device.name,
    platform: app.device.platform,
    packageName: app.packageName,
    senderIds: [...app.senderIds],
    token: app.canonicalToken,
    supersededTokens: [...app.tokens].filter((token) => token !== app.canonicalToken),
    connected: app.device.connected,
    idle: app.device.idle,
    installed: app.installed,
    registered: app.tokens.size > 0,
    topics: [...app.topics.keys()],
    stored: app.storage.size,
    received: app.receivedTotal,
    confirmReceipts: app.confirmReceipts,
  };
}

import type { Platform } from "@cloud-messaging/connection-server";
import type { CancelTimer, Clock, Random } from "@cloud-messaging/core";
import type { Delivery } from "./message.ts";
import { type EvictionRule, MessageStorage } from "./storage.ts";
import { type BucketRules, DeviceRate, type DeviceRateRules, Throttle } from "./throttling.ts";

/** Sender IDs one token may admit. Source: docs/emulator-fidelity.md#senders */
export const MAX_SENDERS = 100;
/** Superseded tokens remembered per app; older ones are gone, and answer as unknown ones do. Ours. */
const MAX_SUPERSEDED = 100;

/** Dead tokens remembered, to tell them from tokens that never were; the oldest are forgotten. Implementation limit. */
const MAX_DEAD = 100_000;

/** A message as an app sees it. */
export interface DeviceMessage {
  /** The captured message it came from; absent on the marker. */
  readonly inboxId?: number;
  /** The ID that a receipt would name: the sender's own on CCS, else the service's. */
  readonly messageId?: string;
  /** The sender ID, `/topics/name`, or the group's key. */
  readonly from: string;
  /** The token it was sent to. */
  readonly token: string;
  readonly collapseKey?: string;
  readonly data: Readonly<Record<string, string>>;
  readonly notification?: Readonly<Record<string, unknown>>;
  /** `deleted_messages`: the marker for messages that the service discarded unread. */
  readonly messageType?: "deleted_messages";
  /** On the marker: how many. */
  readonly totalDeleted?: number;
  /** The service's time. Milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** A phone or a browser. */
export interface Device {
  readonly id: string;
  readonly name: string;
  readonly platform: Platform;
  connected: boolean;
  idle: boolean;
  /** Since when it is not connected. The service's time, milliseconds since the epoch. */
  awaySince: number | undefined;
  readonly apps: Set<AppInstance>;
  readonly rate: DeviceRate | undefined;
}

/** One app on one device. */
export interface AppInstance {
  readonly id: string;
  readonly device: Device;
  readonly packageName: string;
  readonly senderIds: ReadonlySet<string>;
  /** The latest registration's token. */
  canonicalToken: string;
  /** All tokens that work, the oldest first. Empty once the service knows that the app is gone. */
  readonly tokens: Set<string>;
  /** When superseded tokens stop working, where they do. */
  readonly tokenExpiries: Map<string, { readonly at: number; readonly cancel: CancelTimer }>;
  /** What is true on the phone; the service finds out at the next delivery. */
  installed: boolean;
  readonly topics: Map<string, number>;
  readonly storage: MessageStorage<Delivery>;
  readonly throttle: Throttle;
  /** Ends the wait for the next grant. */
  cancelGrant: (() => void) | undefined;
  confirmReceipts: "auto" | "manual";
  readonly received: DeviceMessage[];
  /** The number of each among all that devices received. */
  readonly receivedAs: number[];
  /** All it ever received, those no longer listed included. */
  receivedTotal: number;
  /** Messages that it got and that asked for a receipt not yet confirmed, by inbox ID. */
  readonly unconfirmed: Map<number, Delivery>;
}

/** A device and one app on it, as plain data. */
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
  /** Whether the service still takes messages for it. */
  readonly registered: boolean;
  readonly topics: readonly string[];
  readonly stored: number;
  readonly received: number;
  readonly confirmReceipts: "auto" | "manual";
}

/** What the registry needs to know of the emulator. */
export interface DeviceRules {
  /** The service's time. */
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

/** A new device. */
export interface NewDevice {
  readonly id: string;
  readonly name: string;
  /** Default `android`. */
  readonly platform?: Platform | undefined;
  /** Default `true`. */
  readonly connected?: boolean;
  /** Default `false`. */
  readonly idle?: boolean;
  /** Of a device that is not connected: since when. Default: now. */
  readonly awaySince?: number | undefined;
}

/** A new app on a new or known device. */
export interface NewApp {
  readonly id: string;
  readonly token: string;
  readonly packageName: string;
  readonly senderIds: readonly string[];
  /** Whether the service knows that the app is gone, so that the token does not work. Default `false`. */
  readonly unregistered?: boolean;
}

/** All devices, their apps and tokens. */
export class DeviceRegistry {
  readonly #rules: DeviceRules;
  readonly #devices = new Map<string, Device>();
  readonly #apps = new Map<string, AppInstance>();
  readonly #tokens = new Map<string, AppInstance>();
  readonly #subscribers = new Map<string, Set<AppInstance>>();
  /** Tokens that worked once, the oldest first. */
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

  /** Registers again: the new token is the canonical one, the old ones go on working and are answered with it. */
  reregister(app: AppInstance, token: string): void {
    app.installed = true;
    // one that it had before becomes the newest, and works on
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

  /** A token that works beside the canonical one. */
  adoptToken(app: AppInstance, token: string): void {
    // the canonical one stays the newest
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

  /** Whether a token worked once and does not any more. */
  isDead(token: string): boolean {
    return this.#dead.has(token) && !this.#tokens.has(token);
  }

  #bury(token: string): void {
    this.#dead.delete(token);
    this.#dead.add(token);
    if (this.#dead.size <= MAX_DEAD) return;
    // half of them at once: dropping the oldest one by one makes a set slow
    let left = MAX_DEAD / 2;
    for (const oldest of this.#dead) {
      if (left-- === 0) break;
      this.#dead.delete(oldest);
    }
  }

  /** The service has learned that the app is gone: none of its tokens works any more. */
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

  /** @returns `false` when the app has as many topics as it may have. */
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

/** An app and its device as plain data. */
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

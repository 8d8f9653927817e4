import type { Clock } from "@cloud-messaging/core";
import { earlier, msBetween, NEVER } from "@cloud-messaging/core/transport";
import type { AppInstance, DeliveredContent, Delivery, Device, DeviceMessage } from "./app-instance.ts";
import { type DeviceRegistry, viewOf } from "./devices.ts";
import type { Writable } from "./message.ts";
import type { MessageLog, ModelCounters, ModelEvents } from "./ports.ts";
import type { ProfileRules } from "./profile.ts";
import { ReceivedMessages } from "./received.ts";
import type { Stored, WaitingFor } from "./storage.ts";
import { type BucketKey, NON_COLLAPSIBLE } from "./throttling.ts";
import { WaitingMessages } from "./waiting.ts";

/** Time without a connection after which FCM accepts messages for a device and discards them. Source: docs/emulator-fidelity.md#storage */
const MAX_AWAY_MS = 30 * 86_400_000;
/** Time after the last discarded message within which a reconnected device is notified of it. Source: docs/emulator-fidelity.md#storage */
const MARKER_LIFETIME_MS = 28 * 86_400_000;
/** Maximum number of receipts waiting for manual confirmation. Implementation limit. */
const MAX_UNCONFIRMED = 10_000;

/** Dependencies of the delivery. */
export interface DeliveryRules {
  readonly clock: Clock;
  readonly profile: ProfileRules;
  /** Time for which messages to an uninstalled app are still accepted after the service has noticed. Unit: milliseconds. */
  readonly uninstallDetectionDelayMs: number;
  readonly registry: DeviceRegistry;
  readonly inbox: MessageLog;
  readonly events: ModelEvents;
  readonly counters: ModelCounters;
  /** Called when a device has confirmed a message that requested a receipt. */
  readonly onReceipt: (delivery: Delivery) => void;
}

/** Delivery of accepted messages to devices: at once, later, or never. */
export class DeliveryEngine {
  readonly #rules: DeliveryRules;

  readonly #received: ReceivedMessages;
  readonly #waiting: WaitingMessages;

  constructor(rules: DeliveryRules) {
    this.#rules = rules;
    this.#received = new ReceivedMessages(rules.counters);
    this.#waiting = new WaitingMessages(rules.counters);
  }

  /** Removes everything, with all devices. */
  reset(): void {
    this.#received.reset();
    this.#waiting.reset();
  }

  /** Delivers, stores or discards an accepted message. */
  deliver(delivery: Delivery): void {
    const { app, captured } = delivery;
    const nowOrNever = contentOf(delivery).timeToLiveSec === 0;
    // a fan-out may have delayed it
    if (this.#rules.registry.app(app.id) !== app) {
      this.discard(delivery, "the device was removed");
      return;
    }
    if (!nowOrNever && delivery.expiresAt <= this.#rules.clock.now()) {
      this.#end(delivery, "expired", "its time to live has passed");
      return;
    }
    if (!app.device.connected) {
      if (nowOrNever) {
        this.discard(delivery, "time to live 0, and the device is not connected");
        return;
      }
      if (this.#awayTooLong(app.device)) {
        app.storage.countDiscarded(this.#rules.clock.now() + MARKER_LIFETIME_MS);
        this.discard(delivery, "the device has been away for more than a month");
        return;
      }
      this.#store(delivery, "connection");
      return;
    }
    if (app.device.idle && captured.delayWhileIdle && this.#rules.profile.delayWhileIdle) {
      if (nowOrNever) {
        this.discard(delivery, "time to live 0, and the device is idle");
        return;
      }
      this.#store(delivery, "activity");
      return;
    }
    // messages with time to live 0 are never throttled
    if (!nowOrNever && !app.throttle.take(this.#bucketOf(delivery), this.#rules.clock.monotonic())) {
      this.#store(delivery, "throttle");
      return;
    }
    this.#handOver(delivery);
    // throttled messages are delivered along with one that was not
    this.#release(app, ({ waitingFor }) => waitingFor === "throttle");
  }

  setConnected(device: Device, connected: boolean): void {
    if (device.connected === connected) return;
    device.connected = connected;
    if (!connected) {
      device.awaySince = this.#rules.clock.now();
      this.#changed(device, "disconnected");
      return;
    }
    device.awaySince = undefined;
    this.#changed(device, "connected");
    // delivers every stored message, including those waiting for activity
    for (const app of [...device.apps]) {
      this.#release(app, () => true);
      if (device.connected) this.#deliverMarker(app);
    }
  }

  setIdle(device: Device, idle: boolean): void {
    if (device.idle === idle) return;
    device.idle = idle;
    this.#changed(device, idle ? "idle" : "active");
    if (idle || !device.connected) return;
    const waits = ({ waitingFor }: Stored<Delivery>): boolean => waitingFor === "activity" && !device.idle;
    for (const app of [...device.apps]) this.#release(app, waits);
  }

  /** Drops everything stored for an app. */
  discardStored(app: AppInstance, why: string): void {
    app.cancelGrant?.();
    app.cancelGrant = undefined;
    app.storage.takeDeleted(this.#rules.clock.now());
    for (const { message } of app.storage.take()) this.discard(message, why);
  }

  /** Uninstalls an app from its device; the service notices at the next delivery. */
  uninstall(app: AppInstance): void {
    if (!app.installed) return;
    app.installed = false;
    this.#rules.events.emit({ type: "device", change: "uninstalled", device: viewOf(app) });
  }

  /** Confirms a message that requested a receipt. Returns `false` if none waits for confirmation. */
  confirm(app: AppInstance, inboxId: number): boolean {
    const delivery = app.unconfirmed.get(inboxId);
    if (delivery === undefined) return false;
    app.unconfirmed.delete(inboxId);
    this.#rules.onReceipt(delivery);
    return true;
  }

  /** Cancels a group message on the other members after one device has handled it. */
  withdraw(app: AppInstance, matches: (delivery: Delivery) => boolean): void {
    for (const { message } of app.storage.take((stored) => matches(stored.message))) {
      this.discard(message, "handled on another device of the group");
    }
  }

  /** Restores a stored message of a saved state. */
  restore(delivery: Delivery, waitingFor: WaitingFor): void {
    this.#store(delivery, waitingFor);
  }

  #collapseKeyOf(delivery: Delivery): string | undefined {
    const { notification, collapseKey } = contentOf(delivery);
    if (notification !== undefined && this.#rules.profile.notificationsCollapse) {
      return `notification of ${delivery.app.packageName}`;
    }
    return collapseKey;
  }

  #bucketOf(delivery: Delivery): BucketKey {
    return this.#collapseKeyOf(delivery) ?? NON_COLLAPSIBLE;
  }

  #awayTooLong(device: Device): boolean {
    return (
      this.#rules.profile.discardsAfterMonthAway &&
      device.awaySince !== undefined &&
      this.#rules.clock.now() - device.awaySince > MAX_AWAY_MS
    );
  }

  #store(delivery: Delivery, waitingFor: WaitingFor): void {
    const { clock, inbox } = this.#rules;
    const { app, captured } = delivery;
    const now = clock.now();
    const stored: Stored<Delivery> = { message: delivery, collapseKey: this.#collapseKeyOf(delivery), waitingFor };
    const { collapsed, evicted, discarded } = app.storage.add(stored);
    if (discarded === undefined) {
      this.#waiting.add(delivery);
      const detail = { connection: "the device is not connected", activity: "the device is idle", throttle: undefined };
      inbox.note(captured, now, waitingFor === "throttle" ? "throttled" : "stored", {
        deviceId: app.device.id,
        detail: detail[waitingFor],
      });
      delivery.cancelExpiry = clock.schedule(delivery.expiresAt - now, () => {
        app.storage.take((other) => other.message === delivery);
        this.#end(delivery, "expired", "its time to live has passed");
      });
      if (waitingFor === "throttle") this.#awaitGrant(app);
    }
    if (collapsed !== undefined) {
      this.#end(collapsed.message, "collapsed", "a newer message with the same collapse key took its place");
    }
    if (evicted !== undefined) {
      this.#end(
        evicted.message,
        "discarded",
        `more than ${app.storage.maxCollapseKeys} collapse keys are stored for the app`,
      );
    }
    for (const other of discarded ?? []) {
      this.discard(other.message, `the limit of ${app.storage.limit} stored messages was reached: all were discarded`);
    }
    for (let oldest = this.#waiting.takeOverflow(); oldest !== undefined; oldest = this.#waiting.takeOverflow()) {
      const { message } = oldest.app.storage.take((other) => other.message === oldest)[0] ?? { message: oldest };
      this.discard(message, "too much waits for all devices together: the oldest made room");
    }
    const { events } = this.#rules;
    if (events.isHeard("device")) events.emit({ type: "device", change: "stored", device: viewOf(app) });
    // a connected device (throttled, idle) is told at once
    if (discarded !== undefined && app.device.connected) this.#deliverMarker(app);
  }

  /** Delivers what is stored for an app and matches, for as long as its device is connected: a listener may end that at any message. */
  #release(app: AppInstance, matches: (stored: Stored<Delivery>) => boolean): void {
    if (app.storage.size === 0) return;
    for (const stored of [...app.storage]) {
      if (!app.device.connected) return;
      if (!app.storage.has(stored) || !matches(stored)) continue;
      app.storage.remove(stored);
      const { message } = stored;
      this.#waiting.forget(message);
      message.cancelExpiry?.();
      message.cancelExpiry = undefined;
      this.#handOver(message);
    }
  }

  #awaitGrant(app: AppInstance): void {
    // a device that has gone gets all of them when it is back
    if (app.cancelGrant !== undefined || !app.device.connected) return;
    const { clock } = this.#rules;
    const now = clock.monotonic();
    let at = NEVER;
    for (const { message, waitingFor } of app.storage) {
      if (waitingFor === "throttle") at = earlier(at, app.throttle.nextGrantAt(this.#bucketOf(message), now));
    }
    if (at === NEVER) return;
    app.cancelGrant = clock.schedule(msBetween(now, at), () => {
      app.cancelGrant = undefined;
      this.#release(
        app,
        ({ message, waitingFor }) =>
          waitingFor === "throttle" && app.throttle.take(this.#bucketOf(message), clock.monotonic()),
      );
      this.#awaitGrant(app);
    });
  }

  #handOver(delivery: Delivery): void {
    const { clock, inbox, counters, events } = this.#rules;
    const { app, captured } = delivery;
    if (!app.installed) {
      this.discard(delivery, "the app is not installed any more");
      this.#learnUninstalled(app);
      return;
    }
    const { data, collapseKey, notification } = contentOf(delivery);
    const now = clock.now();
    const message: Writable<DeviceMessage> = {
      inboxId: captured.id,
      from: delivery.from,
      token: delivery.token,
      data,
      receivedAt: now,
    };
    if (captured.messageId !== undefined) message.messageId = captured.messageId;
    if (collapseKey !== undefined) message.collapseKey = collapseKey;
    if (notification !== undefined) message.notification = notification;
    this.#received.add(app, message);
    counters.delivered++;
    inbox.note(captured, now, "delivered", { deviceId: app.device.id });
    if (captured.receiptRequested) {
      if (app.confirmReceipts === "auto") this.#rules.onReceipt(delivery);
      else {
        app.unconfirmed.set(captured.id, delivery);
        if (app.unconfirmed.size > MAX_UNCONFIRMED) {
          app.unconfirmed.delete(app.unconfirmed.keys().next().value as number);
        }
      }
    }
    if (events.isHeard("device")) events.emit({ type: "device", change: "received", device: viewOf(app) });
  }

  #deliverMarker(app: AppInstance): void {
    const totalDeleted = app.storage.takeDeleted(this.#rules.clock.now());
    if (totalDeleted === 0 || !app.installed) return;
    this.#received.add(app, {
      from: [...app.senderIds][0] ?? "",
      token: app.canonicalToken,
      data: {},
      messageType: "deleted_messages",
      totalDeleted,
      receivedAt: this.#rules.clock.now(),
    });
    this.#rules.events.emit({ type: "device", change: "deleted-messages", device: viewOf(app) });
  }

  #learnUninstalled(app: AppInstance): void {
    const { clock, registry, events, uninstallDetectionDelayMs } = this.#rules;
    const learn = (): void => {
      if (app.installed || app.tokens.size === 0) return;
      registry.unregister(app);
      this.discardStored(app, "the app is not installed any more");
      events.emit({ type: "device", change: "unregistered", device: viewOf(app) });
    };
    if (uninstallDetectionDelayMs === 0) learn();
    else clock.schedule(uninstallDetectionDelayMs, learn);
  }

  /** Drops a message. */
  discard(delivery: Delivery, why: string): void {
    this.#end(delivery, "discarded", why);
  }

  #end(delivery: Delivery, state: "expired" | "discarded" | "collapsed", detail: string): void {
    this.#waiting.forget(delivery);
    delivery.cancelExpiry?.();
    delivery.cancelExpiry = undefined;
    this.#rules.counters[state]++;
    this.#rules.inbox.note(delivery.captured, this.#rules.clock.now(), state, {
      deviceId: delivery.app.device.id,
      detail,
    });
    // the number of stored messages of the app has changed
    const { events } = this.#rules;
    if (events.isHeard("device")) events.emit({ type: "device", change: state, device: viewOf(delivery.app) });
  }

  #changed(device: Device, change: string): void {
    for (const app of device.apps) this.#rules.events.emit({ type: "device", change, device: viewOf(app) });
  }
}

/** Content of a message on its device. */
function contentOf({ content, captured }: Delivery): DeliveredContent {
  return content ?? captured;
}

import type { Clock } from "@cloud-messaging/core";
import { defined } from "@cloud-messaging/core/transport";
import type { EmulatorClock } from "../emulator-clock.ts";
import type { InboxStore } from "../inbox/store.ts";
import type { DeliveredContent } from "../model/app-instance.ts";
import type { DeviceGroups } from "../model/device-groups.ts";
import type { DeviceRegistry } from "../model/devices.ts";
import type { CapturedMessage } from "../model/message.ts";
import type { CloudService } from "../model/service.ts";
import type { EmulatorState } from "./schema.ts";

/** Parts that a state is read from and restored to. */
export interface StateParts {
  readonly clock: EmulatorClock;
  readonly networkClock: Clock;
  readonly registry: DeviceRegistry;
  readonly groups: DeviceGroups;
  readonly service: CloudService;
  readonly inbox: InboxStore;
}

/** Returns the state as plain data: devices, tokens, topics, groups, stored and captured messages, clock offset. */
export function takeState({ clock, registry, groups, inbox }: StateParts): EmulatorState {
  // one request to a thousand recipients has one text
  const wires = new Map<string, number>();
  const saved = (message: CapturedMessage): EmulatorState["messages"][number] => {
    let wire = wires.get(message.wire);
    if (wire === undefined) {
      wire = wires.size;
      wires.set(message.wire, wire);
    }
    return { ...message, wire, timeline: [...message.timeline] };
  };
  const messages = inbox.messages.map(saved);
  const devices = new Map<string, EmulatorState["devices"][number]>();
  for (const app of registry.apps()) {
    const { device } = app;
    let entry = devices.get(device.id);
    if (entry === undefined) {
      entry = {
        id: device.id,
        name: device.name,
        platform: device.platform,
        connected: device.connected,
        idle: device.idle,
        apps: [],
      };
      if (device.awaySince !== undefined) entry.awaySince = device.awaySince;
      devices.set(device.id, entry);
    }
    entry.apps.push({
      id: app.id,
      packageName: app.packageName,
      senderIds: [...app.senderIds],
      tokens: [...app.tokens],
      tokenExpiries: Object.fromEntries([...app.tokenExpiries].map(([token, { at }]) => [token, at])),
      canonicalToken: app.canonicalToken,
      installed: app.installed,
      confirmReceipts: app.confirmReceipts,
      topics: Object.fromEntries(app.topics),
      deletedMessages: app.storage.deleted,
      ...(Number.isFinite(app.storage.markerUntil) ? { markerUntil: app.storage.markerUntil } : {}),
      stored: [...app.storage].map(({ message, waitingFor }) => ({
        message: inbox.get(message.captured.id) === message.captured ? message.captured.id : saved(message.captured),
        token: message.token,
        from: message.from,
        expiresAt: message.expiresAt,
        waitingFor,
        ...defined({ content: message.content && savedContent(message.content) }),
      })),
    });
  }
  return {
    version: 2,
    clockOffsetMs: clock.offsetMs,
    devices: [...devices.values()],
    groups: [...groups.groups()].map((group) => ({ ...group, keys: [...group.keys], members: [...group.members] })),
    total: inbox.total,
    wires: [...wires.keys()],
    messages,
  };
}

/** Restores a state. The emulator has to be empty: call `reset()` first. */
export function restoreState(state: EmulatorState, { clock, registry, groups, service, inbox }: StateParts): void {
  clock.setOffset(state.clockOffsetMs);
  const restored = (message: EmulatorState["messages"][number]): CapturedMessage =>
    // the schema of states has checked it, apart from the brands of tokens
    ({ ...message, wire: state.wires[message.wire] ?? "" }) as unknown as CapturedMessage;
  const messages = inbox.restore(state.messages.map(restored), state.total);
  for (const { apps, ...saved } of state.devices) {
    // connected last: otherwise messages would be delivered one by one during the restore
    const device = registry.addDevice(saved);
    for (const saved of apps) {
      const { canonicalToken: token, packageName, senderIds } = saved;
      const unregistered = saved.tokens.length === 0;
      const app = registry.addApp(device, { id: saved.id, token, packageName, senderIds, unregistered });
      for (const superseded of saved.tokens) if (superseded !== token) registry.adoptToken(app, superseded);
      for (const [superseded, at] of Object.entries(saved.tokenExpiries)) service.apps.expireToken(app, superseded, at);
      app.installed = saved.installed;
      app.confirmReceipts = saved.confirmReceipts;
      for (const [topic, at] of Object.entries(saved.topics))
        registry.subscribe(app, topic, at, Number.POSITIVE_INFINITY);
      app.storage.restoreDeleted(saved.deletedMessages, saved.markerUntil ?? Number.POSITIVE_INFINITY);
      for (const { message, token: sentTo, from, expiresAt, waitingFor, content } of saved.stored) {
        const captured = typeof message === "number" ? messages.get(message) : restored(message);
        if (captured === undefined) continue; // more were saved than this emulator keeps
        service.delivery.restore({ captured, app, token: sentTo, from, expiresAt, content }, waitingFor);
      }
    }
  }
  for (const group of state.groups) groups.restore({ ...group, members: new Set(group.members) });
}

function savedContent({ data, notification, collapseKey, timeToLiveSec }: DeliveredContent) {
  return {
    data: { ...data },
    timeToLiveSec,
    ...defined({ notification, collapseKey }),
  };
}

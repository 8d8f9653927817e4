import { describe, expect, it } from "vitest";
import type { DeviceView } from "../../model/devices.ts";
import type { MessageSummary } from "../live.ts";
import { InboxState, type Snapshot } from "./state.ts";

const message = (id: number, facts: Partial<MessageSummary> = {}): MessageSummary => ({
  id,
  at: id,
  protocol: "gcm-http",
  kind: "token",
  to: "tok-a",
  preview: "{}",
  timeToLiveSec: 60,
  delayWhileIdle: false,
  dryRun: false,
  receiptRequested: false,
  state: "stored",
  devices: 1,
  delivered: 0,
  ...facts,
});

const device = (id: string, facts: Partial<DeviceView> = {}): DeviceView => ({
  id,
  deviceId: id,
  name: id,
  platform: "android",
  packageName: "com.example.app",
  senderIds: [],
  token: `tok-${id}`,
  supersededTokens: [],
  connected: true,
  idle: false,
  installed: true,
  registered: true,
  topics: [],
  stored: 0,
  received: 0,
  confirmReceipts: "auto",
  ...facts,
});

const snapshot = (facts: Partial<Snapshot>): Snapshot => ({
  messages: [],
  total: 0,
  pruned: 0,
  devices: [],
  connections: [],
  faults: [],
  now: 0,
  full: null,
  ...facts,
});

const ids = (state: InboxState) => state.messages.map(({ id }) => id);

it("says why unknown tokens are refused until there is room again", () => {
  const state = new InboxState();
  state.apply({ type: "full", detail: "The emulator has 2 devices" });
  expect(state.full).toBe("The emulator has 2 devices");
  state.apply({ type: "device", change: "removed", device: device("a") });
  expect(state.full).toBeUndefined();
  state.load(snapshot({ full: "The emulator has 2 devices" }));
  expect(state.full).toBe("The emulator has 2 devices");
  state.load(snapshot({}));
  expect(state.full).toBeUndefined();
});

describe("what the inbox page knows", () => {
  it("marks what comes while the page is open as new until it is looked at", () => {
    const state = new InboxState(3);
    state.load(snapshot({ messages: [message(1), message(2)], total: 2 }));
    expect([state.newCount, state.isNew(2)]).toEqual([0, false]);
    for (const id of [3, 4]) state.apply({ type: "message", message: message(id) });
    expect([state.newCount, state.isNew(3)]).toEqual([2, true]);
    state.see(3);
    state.see(1);
    expect([state.newCount, state.isNew(3), state.isNew(4)]).toEqual([1, false, true]);
    // a break in the connection changes nothing, an emulator that was started again does
    state.load(snapshot({ messages: [message(4), message(5)], total: 5 }));
    expect(state.isNew(4)).toBe(true);
    state.seeAll();
    expect(state.newCount).toBe(0);
    state.load(snapshot({ messages: [message(1)], total: 1 }));
    state.apply({ type: "message", message: message(2) });
    expect([state.isNew(1), state.isNew(2)]).toEqual([false, true]);
    state.apply({ type: "cleared", upTo: 2 });
    expect(state.newCount).toBe(0);
  });

  it("lists messages in the order of arrival, however the server lists them", () => {
    const state = new InboxState();
    state.load(snapshot({ messages: [message(9), message(8)], total: 9 }));
    state.loadOlder([message(8), message(7), message(6)]);
    state.apply({ type: "message", message: message(10) });
    expect(ids(state)).toEqual([6, 7, 8, 9, 10]);
    expect(state.total).toBe(10);
  });

  it("follows a message's state without listing it twice", () => {
    const state = new InboxState();
    for (const id of [1, 2, 3]) state.apply({ type: "message", message: message(id) });
    state.apply({ type: "message", message: message(2, { state: "delivered" }) });
    expect(ids(state)).toEqual([1, 2, 3]);
    expect(state.message(2)?.state).toBe("delivered");
  });

  it("does not list again what is older than the list", () => {
    const state = new InboxState();
    state.load(snapshot({ messages: [message(5)], total: 5 }));
    state.apply({ type: "message", message: message(2, { state: "expired" }) });
    expect(ids(state)).toEqual([5]);
  });

  it("holds a bounded number of messages, the newest", () => {
    const state = new InboxState(10);
    for (let id = 1; id <= 1000; id++) state.apply({ type: "message", message: message(id) });
    expect(state.messages.length).toBeLessThanOrEqual(11);
    expect(ids(state).at(-1)).toBe(1000);
    expect(state.message(995)?.id).toBe(995);
    expect(state.message(1)).toBeUndefined();
    expect(state.total).toBe(1000);
  });

  it("knows a device by each of its tokens, and forgets one that was removed", () => {
    const state = new InboxState();
    state.load(snapshot({ devices: [device("a", { name: "Pixel", supersededTokens: ["tok-old"] })] }));
    expect([state.nameOf("tok-a"), state.nameOf("tok-old")]).toEqual(["Pixel", "Pixel"]);
    state.apply({ type: "device", change: "removed", device: device("a", { supersededTokens: ["tok-old"] }) });
    expect([state.devices.size, state.nameOf("tok-a"), state.nameOf("tok-old")]).toEqual([0, undefined, undefined]);
  });

  it("asks again for what an event only hints at", () => {
    const state = new InboxState();
    state.apply({ type: "connection", change: "online", connectionId: 1 });
    state.apply({ type: "fault", change: "armed", fault: "503 once" });
    expect(state.stale).toEqual({ connections: true, faults: true, all: false });
  });

  it("empties its list when the inbox was cleared, and lists nothing of it again", () => {
    const state = new InboxState();
    for (const id of [1, 2, 3]) state.apply({ type: "message", message: message(id) });
    state.apply({ type: "cleared", upTo: 2 });
    expect(ids(state)).toEqual([3]);
    state.apply({ type: "cleared", upTo: 3 });
    state.apply({ type: "message", message: message(2, { state: "delivered" }) });
    state.loadOlder([message(1)]);
    expect(ids(state)).toEqual([]);
    state.apply({ type: "message", message: message(4) });
    expect(ids(state)).toEqual([4]);
  });

  it("starts over after a reset", () => {
    const state = new InboxState();
    state.load(snapshot({ messages: [message(1)], total: 1, pruned: 3, devices: [device("a")] }));
    state.apply({ type: "reset" });
    expect([ids(state), state.total, state.pruned, state.devices.size]).toEqual([[], 0, 0, 0]);
    state.apply({ type: "message", message: message(1) });
    expect(ids(state)).toEqual([1]);
  });
});

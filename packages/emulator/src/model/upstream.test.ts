import { createManualClock } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { testWorld } from "../../../../test/support/emulator-world.ts";
import { clearModel } from "../create-model.ts";
import { DeviceQueueFullError } from "./device-upstream.ts";

function sending(options: Parameters<typeof testWorld>[0] = {}) {
  const world = testWorld(options);
  const app = world.device();
  const results: [string, string][] = [];
  const sendUpstream = (messageId: string, timeToLiveSec?: number): void =>
    world.service.deviceUpstream.send(app, {
      data: {},
      messageId,
      ...(timeToLiveSec === undefined ? {} : { timeToLiveSec }),
      settle: (result) => results.push([messageId, result]),
    });
  return { ...world, app, results, sendUpstream };
}

describe("upstream messages", () => {
  it("wait for a connection of their sender, and go to exactly one", () => {
    const { sendUpstream, port } = sending();
    sendUpstream("u-1");
    const other = port("999");
    const one = port();
    const two = port();
    sendUpstream("u-2");
    expect(other.items).toEqual([]);
    expect([...one.items, ...two.items].map(({ messageId }) => messageId)).toEqual(["u-1", "u-2"]);
  });

  it("are settled by the ack of the connection they went to, and by no other", () => {
    const { sendUpstream, port, upstream, results, app } = sending();
    const one = port();
    const two = port();
    sendUpstream("u-1");
    expect(upstream.acked("1234567890", two, app.canonicalToken, "u-1")).toBe(false);
    expect(upstream.acked("1234567890", one, "another-token", "u-1")).toBe(false);
    expect(upstream.acked("1234567890", one, app.canonicalToken, "u-1")).toBe(true);
    expect(upstream.acked("1234567890", one, app.canonicalToken, "u-1")).toBe(false);
    expect(results).toEqual([["u-1", "acked"]]);
  });

  it("are written again while unacked, and then take as many acks as they were written", async () => {
    const clock = createManualClock();
    const { sendUpstream, port, upstream, app, counters } = sending({ clock, ccs: { upstreamResendMs: 1000 } });
    const one = port();
    sendUpstream("u-1");
    await clock.advance(2500);
    expect(one.items).toHaveLength(3);
    expect(counters).toMatchObject({ upstreamSent: 1, upstreamResent: 2 });
    const acks = [1, 2, 3, 4].map(() => upstream.acked("1234567890", one, app.canonicalToken, "u-1"));
    expect(acks).toEqual([true, true, true, false]);
    await clock.advance(10_000);
    expect(one.items).toHaveLength(3);
  });

  it("are written once each when a listener of events answers one with another", () => {
    const { sendUpstream, port, events, upstream } = sending();
    const stop = events.subscribe((event) => {
      if (event.change === "sent" && event.messageId === "u-1") sendUpstream("u-3");
    }, "upstream");
    for (const id of ["u-1", "u-2"]) sendUpstream(id);
    const one = port();
    stop();
    // the one from inside the first goes out while that does
    expect(one.items.map(({ messageId }) => messageId).sort()).toEqual(["u-1", "u-2", "u-3"]);
    expect(upstream.waiting("1234567890")).toBe(0);
    expect(upstream.unacked("1234567890", one)).toBe(3);
  });

  it("stay on a device that a listener of events disconnects while they are sent", () => {
    const { sendUpstream, port, events, service, app } = sending();
    const one = port();
    service.setConnected(app, false);
    for (const id of ["u-1", "u-2"]) sendUpstream(id);
    const stop = events.subscribe(({ change }) => {
      if (change === "queued") service.setConnected(app, false);
    }, "upstream");
    service.setConnected(app, true);
    stop();
    expect(one.items.map(({ messageId }) => messageId)).toEqual(["u-1"]);
    service.setConnected(app, true);
    expect(one.items.map(({ messageId }) => messageId)).toEqual(["u-1", "u-2"]);
  });

  it("move to another connection when theirs ends, before what waits", () => {
    const { sendUpstream, port, upstream } = sending({ ccs: { upstreamWindow: 2 } });
    const one = port();
    for (const id of ["u-1", "u-2", "u-3"]) sendUpstream(id);
    expect(one.items).toHaveLength(2);
    upstream.detach("1234567890", one);
    const two = port();
    expect(two.items.map(({ messageId }) => messageId)).toEqual(["u-1", "u-2"]);
  });

  it("leave a draining connection alone", () => {
    const { sendUpstream, port } = sending();
    const draining = port();
    draining.accepting = false;
    sendUpstream("u-1");
    expect(draining.items).toEqual([]);
    expect(port().items).toHaveLength(1);
  });

  it("expire after a day, or their own time to live", () => {
    const { sendUpstream, port, clock, results } = sending();
    sendUpstream("u-short", 60);
    sendUpstream("u-long");
    clock.advance(59_999);
    expect(results).toEqual([]);
    clock.advance(1);
    expect(results).toEqual([["u-short", "expired"]]);
    expect(port().items.map(({ messageId }) => messageId)).toEqual(["u-long"]);
    expect(results).toEqual([["u-short", "expired"]]);
  });

  it("are kept up to a hundred for an app server without a connection", () => {
    const { sendUpstream, results, upstream } = sending();
    for (let i = 1; i <= 101; i++) sendUpstream(`u-${i}`);
    expect(upstream.waiting("1234567890")).toBe(100);
    expect(results).toEqual([["u-101", "discarded"]]);
  });

  it("are bounded for all app servers together, and make room again as they are acked", () => {
    const { upstream, port } = sending();
    const results: string[] = [];
    const enqueue = (senderId: string, messageId: string): void =>
      upstream.enqueue({
        kind: "upstream",
        senderId,
        from: "t",
        messageId,
        json: "x".repeat(4_000_000),
        expiresAt: Number.POSITIVE_INFINITY,
        settle: (result) => results.push(`${messageId} ${result}`),
      });
    for (let n = 0; n < 20; n++) enqueue(String(n), `u-${n}`);
    expect(results).toEqual(["u-16 discarded", "u-17 discarded", "u-18 discarded", "u-19 discarded"]);
    expect(port("0").items).toHaveLength(1);
    const one = port("1");
    upstream.acked("1", one, "t", "u-1");
    enqueue("1", "u-20");
    expect(one.items.map(({ messageId }) => messageId)).toEqual(["u-1", "u-20"]);
    upstream.reset();
    for (let n = 0; n < 16; n++) enqueue("again", `v-${n}`);
    expect(upstream.waiting("again")).toBe(16);
  });

  it("are kept up to twenty on a device without a connection, and leave when it is back", () => {
    const { sendUpstream, service, app, port } = sending();
    service.setConnected(app, false);
    for (let i = 1; i <= 20; i++) sendUpstream(`u-${i}`);
    expect(() => sendUpstream("u-21")).toThrow(DeviceQueueFullError);
    service.setConnected(app, true);
    expect(port().items).toHaveLength(20);
  });

  it("are all discarded by a reset, over connections too, whose late acks are no error", async () => {
    const clock = createManualClock();
    const { sendUpstream, port, upstream, app, results, ...model } = sending({
      clock,
      ccs: { upstreamResendMs: 1000, upstreamWindow: 1 },
    });
    const one = port();
    for (const id of ["u-1", "u-2"]) sendUpstream(id);
    clearModel({ ...model, upstream });
    expect(results).toEqual([
      ["u-1", "discarded"],
      ["u-2", "discarded"],
    ]);
    await clock.advance(100_000);
    expect(one.items).toHaveLength(1);
    expect(upstream.unacked("1234567890", one)).toBe(0);
    expect(upstream.acked("1234567890", one, app.canonicalToken, "u-1")).toBe(true);
    expect(upstream.acked("1234567890", one, app.canonicalToken, "u-1")).toBe(false);
  });

  it("with a time to live of 0 go to a connected app server, and to nobody else", () => {
    const { sendUpstream, port, results, upstream, app } = sending({ ccs: { upstreamWindow: 1 } });
    sendUpstream("u-1", 0);
    expect(results).toEqual([["u-1", "expired"]]);
    const one = port();
    sendUpstream("u-2", 0);
    expect(one.items.map(({ messageId }) => messageId)).toEqual(["u-2"]);
    sendUpstream("u-3", 0); // no room
    expect(results).toEqual([
      ["u-1", "expired"],
      ["u-3", "expired"],
    ]);
    upstream.acked("1234567890", one, app.canonicalToken, "u-2");
    expect(results.at(-1)).toEqual(["u-2", "acked"]);
    expect(upstream.waiting("1234567890")).toBe(0);
  });

  it("end with the device that they wait on", () => {
    const { sendUpstream, service, app, results } = sending();
    service.setConnected(app, false);
    sendUpstream("u-1");
    service.remove(app);
    expect(results).toEqual([["u-1", "discarded"]]);
  });

  it("hold the token, the package and the time to live, as captures show", () => {
    const { sendUpstream, port, app } = sending();
    sendUpstream("u-1", 3600);
    expect(JSON.parse(port().items[0]?.json ?? "")).toEqual({
      data: {},
      time_to_live: 3600,
      from: app.canonicalToken,
      message_id: "u-1",
      category: "com.example.app",
    });
  });
});

describe("receipts", () => {
  const asked = { protocol: "ccs", senderId: "1234567890", messageId: "m-1", receiptRequested: true } as const;

  it("are sent once the device has the message, and not before", () => {
    const { device, send, service, port } = testWorld();
    const one = port();
    const app = device({ connected: false });
    send(app.canonicalToken, asked);
    expect(one.items).toEqual([]);
    service.setConnected(app, true);
    expect(one.items[0]).toMatchObject({ kind: "receipt", messageId: "dr2:m-1", from: "gcm.googleapis.com" });
  });

  it("have the older prefix in 2013", () => {
    const { device, send, port } = testWorld({ profile: "gcm-2013" });
    const one = port();
    send(device().canonicalToken, asked);
    expect(one.items[0]?.messageId).toBe("dr:m-1");
  });

  it("wait for the device's word when it is to give it by hand", () => {
    const { device, send, service, port, latest } = testWorld();
    const one = port();
    const app = device();
    app.confirmReceipts = "manual";
    send(app.canonicalToken, asked);
    expect(one.items).toEqual([]);
    expect(service.delivery.confirm(app, latest().id)).toBe(true);
    expect(service.delivery.confirm(app, latest().id)).toBe(false);
    expect(one.items).toHaveLength(1);
  });

  it("for one message ID used twice are each sent and each acked", async () => {
    const clock = createManualClock();
    const { device, send, port, upstream, counters } = testWorld({ clock, ccs: { upstreamResendMs: 1000 } });
    const one = port();
    const { canonicalToken } = device();
    for (let i = 0; i < 2; i++) send(canonicalToken, asked);
    expect(one.items.map(({ messageId }) => messageId)).toEqual(["dr2:m-1", "dr2:m-1"]);
    expect(upstream.unacked("1234567890", one)).toBe(2);
    const ack = () => upstream.acked("1234567890", one, "gcm.googleapis.com", "dr2:m-1");
    expect([ack(), ack(), ack()]).toEqual([true, true, false]);
    expect(counters.receiptsAcked).toBe(2);
    await clock.advance(100_000);
    expect(one.items).toHaveLength(2);
  });

  it("that share an ID are not resent over a connection that ended, and go to the next one", async () => {
    const clock = createManualClock();
    const { device, send, port, upstream } = testWorld({ clock, ccs: { upstreamResendMs: 1000 } });
    const one = port();
    const { canonicalToken } = device();
    for (let i = 0; i < 2; i++) send(canonicalToken, asked);
    upstream.detach("1234567890", one);
    await clock.advance(100_000);
    expect(one.items).toHaveLength(2);
    expect(port().items).toHaveLength(2);
  });

  it("are sent for no message that did not ask", () => {
    const { device, send, port } = testWorld();
    const one = port();
    send(device().canonicalToken, { ...asked, receiptRequested: false });
    expect(one.items).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { testWorld, texts } from "../../../../test/support/emulator-world.ts";

const DAY = 86_400_000;

describe("delivering", () => {
  it("delivers at once to a device that is connected and active", () => {
    const { device, send, latest } = testWorld();
    const app = device();
    send(app.canonicalToken, { data: { n: "1" } });
    expect(texts(app)).toEqual(["1"]);
    expect(latest().timeline.map(({ event }) => event)).toEqual(["accepted", "delivered"]);
  });

  it("delivers at once to an idle device", () => {
    const { device, send } = testWorld();
    const app = device({ idle: true });
    send(app.canonicalToken, { data: { n: "1" } });
    expect(texts(app)).toEqual(["1"]);
  });

  it("keeps a delay_while_idle message until the device is active, and of each collapse key only the last", () => {
    const { device, send, service } = testWorld();
    const app = device({ idle: true });
    for (const n of ["1", "2"]) send(app.canonicalToken, { data: { n }, collapseKey: "a", delayWhileIdle: true });
    send(app.canonicalToken, { data: { n: "3" }, delayWhileIdle: true });
    expect(texts(app)).toEqual([]);
    service.delivery.setIdle(app.device, false);
    expect(texts(app)).toEqual(["2", "3"]);
  });

  it("keeps what is stored when a listener of events ends the connection at the first message", () => {
    const { device, send, service, events } = testWorld();
    const app = device({ connected: false });
    for (const n of ["1", "2", "3"]) send(app.canonicalToken, { data: { n } });
    const stop = events.subscribe(({ change }) => {
      if (change === "received") service.setConnected(app, false);
    }, "device");
    service.setConnected(app, true);
    expect(texts(app)).toEqual(["1"]);
    expect(app.storage.size).toBe(2);
    stop();
    service.setConnected(app, true);
    expect(texts(app)).toEqual(["1", "2", "3"]);
  });

  it("does not delay while idle in late FCM, which had withdrawn it", () => {
    const { device, send } = testWorld({ profile: "fcm-v1" });
    const app = device({ idle: true });
    send(app.canonicalToken, { data: { n: "1" }, delayWhileIdle: true });
    expect(texts(app)).toEqual(["1"]);
  });

  it("stores for a device that is away and delivers everything when it is back, what was to wait for activity included", () => {
    const { device, send, service, latest } = testWorld();
    const app = device({ connected: false, idle: true });
    send(app.canonicalToken, { data: { n: "1" } });
    expect(latest()).toMatchObject({ state: "stored", reason: "the device is not connected" });
    service.delivery.setIdle(app.device, true);
    send(app.canonicalToken, { data: { n: "2" }, delayWhileIdle: true });
    service.setConnected(app, true);
    expect(texts(app)).toEqual(["1", "2"]);
    expect(app.storage.size).toBe(0);
  });

  it("tells the app who it is from: the sender, the topic, the group", () => {
    const { device, send, registry, groups } = testWorld();
    const app = device();
    registry.subscribe(app, "news", 0, 10);
    const made = groups.create("1234567890", "user", [app.canonicalToken]);
    const key = "group" in made ? (made.group.keys[0] as string) : "";
    for (const to of [app.canonicalToken, "/topics/news", key]) send(to, { senderId: "1234567890" });
    expect(app.received.map(({ from }) => from)).toEqual(["1234567890", "/topics/news", key]);
  });
});

describe("time to live", () => {
  it("drops a stored message silently when it has passed, four weeks by default", () => {
    const { device, send, clock, latest, service } = testWorld();
    const app = device({ connected: false });
    send(app.canonicalToken);
    clock.advance(28 * DAY - 1);
    expect(latest().state).toBe("stored");
    clock.advance(1);
    expect(latest()).toMatchObject({ state: "expired" });
    service.setConnected(app, true);
    expect(app.received).toEqual([]);
  });

  it("counts from the acceptance, in seconds", () => {
    const { device, send, clock, latest } = testWorld();
    send(device({ connected: false }).canonicalToken, { timeToLiveSec: 60 });
    clock.advance(59_999);
    expect(latest().state).toBe("stored");
    clock.advance(1);
    expect(latest().state).toBe("expired");
  });

  it("means now or never when it is 0: an ID is returned, nothing is stored", () => {
    const { device, send, latest, service } = testWorld();
    const app = device({ connected: false });
    expect(send(app.canonicalToken, { timeToLiveSec: 0 })).toMatchObject({ kind: "accepted" });
    expect(latest()).toMatchObject({ state: "discarded" });
    service.setConnected(app, true);
    expect(app.received).toEqual([]);
  });

  it("discards a message with 0 and delay_while_idle for an idle device", () => {
    const { device, send, latest } = testWorld();
    send(device({ idle: true }).canonicalToken, { timeToLiveSec: 0, delayWhileIdle: true });
    expect(latest().state).toBe("discarded");
  });

  it("leaves no timer behind for a message that was delivered", () => {
    const { device, send, clock, service } = testWorld();
    const app = device({ connected: false });
    send(app.canonicalToken);
    expect(clock.scheduled).toBe(1);
    service.setConnected(app, true);
    expect(clock.scheduled).toBe(0);
  });
});

describe("storage", () => {
  it("replaces the older message of the same collapse key, whatever it holds", () => {
    const { device, send, inbox, service } = testWorld();
    const app = device({ connected: false });
    for (const n of ["1", "2", "3"]) send(app.canonicalToken, { data: { n }, collapseKey: "a" });
    expect(inbox.messages.map(({ state }) => state)).toEqual(["collapsed", "collapsed", "stored"]);
    service.setConnected(app, true);
    expect(texts(app)).toEqual(["3"]);
  });

  it("keeps four collapse keys and drops the oldest", () => {
    const { device, send, service, inbox } = testWorld();
    const app = device({ connected: false });
    for (const n of ["1", "2", "3", "4", "5"]) send(app.canonicalToken, { data: { n }, collapseKey: n });
    expect(inbox.messages[0]).toMatchObject({ state: "discarded", reason: expect.stringContaining("4 collapse keys") });
    service.setConnected(app, true);
    expect(texts(app)).toEqual(["2", "3", "4", "5"]);
  });

  it("drops a collapse key by the seed when told so", () => {
    const survivors = (): unknown => {
      const { device, send, service } = testWorld({ eviction: "random" });
      const app = device({ connected: false });
      for (let n = 0; n < 12; n++) send(app.canonicalToken, { data: { n: String(n) }, collapseKey: String(n) });
      service.setConnected(app, true);
      return texts(app);
    };
    expect(survivors()).toHaveLength(4);
    expect(survivors()).toEqual(survivors());
    expect(survivors()).not.toEqual(["8", "9", "10", "11"]);
  });

  it("stores 100 messages without a collapse key; the 101st discards all and leaves a marker with their number", () => {
    const { device, send, service, inbox } = testWorld();
    const app = device({ connected: false });
    for (let n = 1; n <= 100; n++) send(app.canonicalToken, { data: { n: String(n) } });
    expect(app.storage.size).toBe(100);
    expect(send(app.canonicalToken).kind).toBe("accepted");
    expect(app.storage.size).toBe(0);
    expect(inbox.messages.every(({ state }) => state === "discarded")).toBe(true);
    service.setConnected(app, true);
    expect(app.received).toMatchObject([{ messageType: "deleted_messages", totalDeleted: 101 }]);
  });

  it("counts anew after the marker, and keeps collapsible messages out of the limit", () => {
    const { device, send, service } = testWorld();
    const app = device({ connected: false });
    send(app.canonicalToken, { data: { n: "kept" }, collapseKey: "a" });
    for (let n = 1; n <= 101; n++) send(app.canonicalToken);
    send(app.canonicalToken, { data: { n: "after" } });
    service.setConnected(app, true);
    expect(texts(app)).toEqual(["kept", "after", "deleted_messages"]);
  });

  it("collapses notifications by package in the FCM years, and by collapse key alone before", () => {
    const received = (profile: "gcm-2015" | "fcm-legacy"): unknown => {
      const { device, send, service } = testWorld({ profile });
      const app = device({ connected: false });
      for (const n of ["1", "2"]) send(app.canonicalToken, { data: { n }, notification: { title: n } });
      service.setConnected(app, true);
      return texts(app);
    };
    expect(received("fcm-legacy")).toEqual(["2"]);
    expect(received("gcm-2015")).toEqual(["1", "2"]);
  });

  it("takes and discards messages for a device that has been away for more than a month (FCM)", () => {
    const { device, send, service, clock, latest } = testWorld();
    const app = device();
    service.setConnected(app, false);
    clock.advance(31 * DAY);
    expect(send(app.canonicalToken).kind).toBe("accepted");
    expect(latest().state).toBe("discarded");
    service.setConnected(app, true);
    expect(app.received).toMatchObject([{ messageType: "deleted_messages", totalDeleted: 1 }]);
  });

  it("tells a device that was away of them only if it is back within four weeks of the last one", () => {
    const { device, send, service, clock } = testWorld();
    const app = device();
    service.setConnected(app, false);
    clock.advance(31 * DAY);
    send(app.canonicalToken);
    clock.advance(20 * DAY);
    send(app.canonicalToken);
    clock.advance(27 * DAY);
    service.setConnected(app, true);
    expect(app.received).toMatchObject([{ messageType: "deleted_messages", totalDeleted: 2 }]);
    service.setConnected(app, false);
    clock.advance(31 * DAY);
    send(app.canonicalToken);
    clock.advance(29 * DAY);
    service.setConnected(app, true);
    expect(app.received).toHaveLength(1);
  });

  it("names the limit that was hit, where it is another", () => {
    const { device, send, latest } = testWorld({ storageLimit: 2 });
    const app = device({ connected: false });
    for (let n = 0; n < 3; n++) send(app.canonicalToken);
    expect(latest().reason).toBe("the limit of 2 stored messages was reached: all were discarded");
  });

  it("is bounded for all apps together: the oldest make room, and say so", () => {
    const { device, send, service, inbox } = testWorld({ maxMessages: 20_000 });
    const apps = Array.from({ length: 200 }, () => device({ connected: false }));
    const first: number[] = [];
    // each its own text, 4 MB per round
    for (let n = 0; n < 60; n++) {
      for (const app of apps) {
        send(app.canonicalToken, { data: { n: `${n}` }, wire: `${n} ${app.id} ${"x".repeat(20_000)}` });
        if (n === 0) first.push(inbox.total);
      }
    }
    const waiting = apps.reduce((sum, { storage }) => sum + storage.size, 0);
    expect(waiting).toBeGreaterThan(2500);
    expect(waiting).toBeLessThan(3500);
    expect(inbox.messages.at(-1)?.state).toBe("stored");
    // delivered ones make room as well
    for (const app of apps) service.setConnected(app, true);
    expect(apps.reduce((sum, { received }) => sum + received.length, 0)).toBe(waiting);
    expect(texts(apps[0] as never).at(-1)).toBe("59");
  });

  it("holds one text once, however many recipients wait with it", () => {
    const { device, send, registry } = testWorld({ maxMessages: 10 });
    const wire = "x".repeat(1_000_000);
    for (let n = 0; n < 1000; n++) send(device({ connected: false }).canonicalToken, { wire });
    expect([...registry.apps()].every(({ storage }) => storage.size === 1)).toBe(true);
  });

  it("counts the month of a device that was never connected from when it was made", () => {
    const { device, send, clock, latest } = testWorld();
    const app = device({ connected: false });
    send(app.canonicalToken);
    expect(latest().state).toBe("stored");
    clock.advance(31 * DAY);
    send(app.canonicalToken);
    expect(latest().state).toBe("discarded");
  });
});

describe("throttling", () => {
  const throttling = {
    collapsible: { capacity: 2, refillEveryMs: 60_000 },
    nonCollapsible: { capacity: 3, refillEveryMs: 60_000 },
  };

  it("delivers as many per collapse key as the bucket holds; the next wait for the grants", () => {
    const { device, send, clock, latest } = testWorld({ throttling });
    const app = device();
    for (const n of ["1", "2", "3"]) send(app.canonicalToken, { data: { n }, collapseKey: "a" });
    expect(texts(app)).toEqual(["1", "2"]);
    expect(latest().state).toBe("throttled");
    clock.advance(59_999);
    expect(texts(app)).toEqual(["1", "2"]);
    clock.advance(1);
    expect(texts(app)).toEqual(["1", "2", "3"]);
  });

  it("collapses what waits for a grant", () => {
    const { device, send, clock } = testWorld({ throttling });
    const app = device();
    for (const n of ["1", "2", "3", "4"]) send(app.canonicalToken, { data: { n }, collapseKey: "a" });
    clock.advance(60_000);
    expect(texts(app)).toEqual(["1", "2", "4"]);
  });

  it("gives each collapse key a bucket of its own, and all messages without one a common bucket", () => {
    const { device, send } = testWorld({ throttling });
    const app = device();
    for (let n = 0; n < 4; n++) send(app.canonicalToken, { data: { n: `plain-${n}` } });
    expect(app.received).toHaveLength(3);
    send(app.canonicalToken, { data: { n: "a" }, collapseKey: "a" });
    expect(texts(app)).toContain("a");
  });

  it("lets throttled messages ride along with a delivery that is not throttled", () => {
    const { device, send } = testWorld({ throttling });
    const app = device();
    for (const n of ["1", "2", "3"]) send(app.canonicalToken, { data: { n }, collapseKey: "a" });
    expect(texts(app)).toEqual(["1", "2"]);
    send(app.canonicalToken, { data: { n: "4" }, collapseKey: "b" });
    expect(texts(app)).toEqual(["1", "2", "4", "3"]);
  });

  it("never throttles time to live 0", () => {
    const { device, send } = testWorld({ throttling });
    const app = device();
    for (let n = 0; n < 10; n++)
      send(app.canonicalToken, { data: { n: String(n) }, timeToLiveSec: 0, collapseKey: "a" });
    expect(app.received).toHaveLength(10);
  });

  it("keeps a throttled message for a device that has gone, past the grant, until it is back", async () => {
    const { device, send, clock, service } = testWorld({ throttling });
    const app = device();
    for (const n of ["1", "2", "3"]) send(app.canonicalToken, { data: { n }, collapseKey: "a" });
    service.setConnected(app, false);
    await clock.advance(3_600_000);
    expect(texts(app)).toEqual(["1", "2"]);
    service.setConnected(app, true);
    expect(texts(app)).toEqual(["1", "2", "3"]);
    await clock.advance(3_600_000);
    expect(app.received).toHaveLength(3);
  });

  it("drops a throttled message whose time to live passes before the grant", () => {
    const { device, send, clock, latest } = testWorld({ throttling });
    const app = device();
    for (let n = 0; n < 3; n++) send(app.canonicalToken, { collapseKey: "a", timeToLiveSec: 30 });
    clock.advance(60_000);
    expect(app.received).toHaveLength(2);
    expect(latest().state).toBe("expired");
  });

  it("fills a bucket no further than it holds", () => {
    const { device, send, clock } = testWorld({ throttling });
    const app = device();
    send(app.canonicalToken, { collapseKey: "a" });
    clock.advance(7 * DAY);
    for (let n = 0; n < 5; n++) send(app.canonicalToken, { collapseKey: "a" });
    expect(app.received).toHaveLength(1 + 2);
  });

  it("takes 20 at once per collapse key and one more every three minutes by default, as FCM published", () => {
    const { device, send, clock } = testWorld();
    const app = device();
    for (let n = 0; n < 30; n++) send(app.canonicalToken, { collapseKey: "a" });
    expect(app.received).toHaveLength(20);
    clock.advance(180_000);
    expect(app.received).toHaveLength(21);
  });

  it("refuses more than a device may get per minute, where that is switched on", () => {
    const { device, send, clock } = testWorld({ throttling: { perDevice: { perMinute: 3, perHour: 5 } } });
    const app = device();
    const codes = (count: number): unknown[] =>
      Array.from({ length: count }, () => {
        const decision = send(app.canonicalToken);
        return decision.kind === "refused" ? decision.code : decision.kind;
      });
    expect(codes(4)).toEqual(["accepted", "accepted", "accepted", "device-message-rate-exceeded"]);
    clock.advance(60_000);
    expect(codes(3)).toEqual(["accepted", "accepted", "device-message-rate-exceeded"]);
  });
});

describe("what devices received", () => {
  it("is bounded for all of them together: the oldest make room", () => {
    const { device, send, counters } = testWorld({ maxMessages: 10 });
    const apps = Array.from({ length: 100 }, () => device());
    // each its own text, 100 MB in all
    for (let n = 0; n < 300; n++) {
      for (const app of apps) send(app.canonicalToken, { data: { n: `${n}`, text: "x".repeat(3500) } });
    }
    const listed = apps.reduce((sum, { received }) => sum + received.length, 0);
    expect(listed).toBeLessThan(20_000);
    expect(listed).toBeGreaterThan(10_000);
    expect(counters).toMatchObject({ delivered: 30_000, receivedPruned: 30_000 - listed });
    for (const app of apps) {
      expect(texts(app).at(-1)).toBe("299");
      expect(app.receivedTotal).toBe(300);
    }
  });

  it("is bounded when it is their IDs and keys that are long", () => {
    const { device, send, inbox } = testWorld();
    const app = device();
    for (let n = 0; n < 300; n++) {
      send(app.canonicalToken, { messageId: `${n}${"i".repeat(300_000)}`, collapseKey: "k".repeat(100_000) });
    }
    expect(app.received.length).toBeLessThan(180);
    expect(inbox.messages.length).toBeLessThan(180);
  });

  it("is bounded for each of them", () => {
    const { device, send, counters } = testWorld({ maxMessages: 10 });
    const app = device();
    for (let n = 0; n < 25_000; n++) send(app.canonicalToken, { data: { n: `${n}` } });
    expect(app.received.length).toBeLessThanOrEqual(11_000);
    expect(texts(app).at(-1)).toBe("24999");
    expect(counters.receivedPruned).toBe(25_000 - app.received.length);
  });
});

describe("unregistering and removing", () => {
  it.each(["unregister", "remove"] as const)("discards what waits: %s", (what) => {
    const { device, send, service, clock, latest, inbox } = testWorld();
    const app = device({ connected: false });
    send(app.canonicalToken, { data: { n: "1" } });
    service[what](app);
    expect(latest().state).toBe("discarded");
    service.setConnected(app, true);
    expect(app.received).toEqual([]);
    expect(clock.scheduled).toBe(0);
    expect(inbox.get(1)?.delivered).toBe(0);
  });
});

describe("uninstalling", () => {
  it("takes the next message, finds nobody, and answers NotRegistered from then on", () => {
    const { device, send, service, latest } = testWorld();
    const app = device();
    service.delivery.uninstall(app);
    expect(send(app.canonicalToken).kind).toBe("accepted");
    expect(latest()).toMatchObject({ state: "discarded", reason: "the app is not installed any more" });
    expect(send("token-1")).toMatchObject({ kind: "refused", code: "not-registered" });
  });

  it("finds out only when an offline device is back", () => {
    const { device, send, service } = testWorld();
    const app = device({ connected: false });
    service.delivery.uninstall(app);
    for (let n = 0; n < 3; n++) expect(send("token-1").kind).toBe("accepted");
    service.setConnected(app, true);
    expect(send("token-1").kind).toBe("refused");
  });

  it("goes on accepting for as long as the finding takes to spread", () => {
    const { device, send, service, clock } = testWorld({ uninstallDetectionDelayMs: 300_000 });
    service.delivery.uninstall(device());
    send("token-1");
    clock.advance(299_999);
    expect(send("token-1").kind).toBe("accepted");
    clock.advance(1);
    expect(send("token-1").kind).toBe("refused");
  });

  it("ends every token of the app, topics included, and a new registration starts afresh", () => {
    const { device, send, service, registry } = testWorld();
    const app = device();
    registry.subscribe(app, "news", 0, 10);
    service.apps.reregister(app, "token-b");
    service.delivery.uninstall(app);
    send("token-1");
    expect(send("token-b")).toMatchObject({ code: "not-registered" });
    expect([...registry.subscribers("news")]).toEqual([]);
    service.apps.reregister(app, "token-c");
    expect(send("token-c").kind).toBe("accepted");
    expect(send("token-1")).toMatchObject({ code: "not-registered" });
    expect(app.received).toHaveLength(1);
  });
});

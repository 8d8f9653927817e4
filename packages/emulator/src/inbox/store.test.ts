import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { testWorld } from "../../../../test/support/emulator-world.ts";

describe("the inbox", () => {
  it("keeps the newest, and says how many made room", () => {
    const { device, send, inbox, events } = testWorld({ maxMessages: 3 });
    const { canonicalToken } = device();
    const pruned: number[] = [];
    events.subscribe((event) => {
      if (event.type === "pruned") pruned.push(event.messages);
    });
    for (let n = 1; n <= 5; n++) send(canonicalToken);
    expect(inbox.messages.map(({ id }) => id)).toEqual([3, 4, 5]);
    expect(inbox).toMatchObject({ total: 5, pruned: 2 });
    expect(pruned).toEqual([1, 2]);
    expect(inbox.get(2)).toBeUndefined();
    expect(inbox.latest()?.id).toBe(5);
  });

  it("makes room for large messages before it counts them, and counts one request's text once", () => {
    const { send, inbox } = testWorld();
    const wire = "x".repeat(1_000_000);
    for (let n = 0; n < 1000; n++) send("nobody", { wire });
    expect(inbox.messages).toHaveLength(1000);
    for (let n = 0; n < 100; n++) send("nobody", { wire: `${n}${wire}` });
    expect(inbox.messages.length).toBeLessThan(70);
  });

  it("counts what requests of equal text hold each for itself", () => {
    const { device, send, inbox } = testWorld();
    const { canonicalToken } = device();
    for (let n = 0; n < 100; n++) send(canonicalToken, { notification: { title: "x".repeat(2_000_000) }, wire: "{}" });
    expect(inbox.messages.length).toBeLessThan(35);
  });

  it("lets go of what was cleared", async () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const { device, send, inbox, latest } = testWorld();
    const { canonicalToken } = device({ connected: false });
    const wire = (): WeakRef<object> => {
      send(canonicalToken, { collapseKey: "k", data: { n: "1" } });
      return new WeakRef(latest().data);
    };
    const first = wire();
    inbox.clear();
    wire(); // takes the first one's place in storage
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    expect(first.deref()).toBeUndefined();
  });

  it("still delivers what it no longer lists", () => {
    const { device, send, inbox, service } = testWorld();
    const app = device({ connected: false });
    send(app.canonicalToken, { data: { n: "1" } });
    inbox.clear();
    service.setConnected(app, true);
    expect(app.received).toHaveLength(1);
  });

  it("waits for a message, for a change of one, and for a number of them", async () => {
    const { device, send, inbox, service } = testWorld();
    const app = device({ connected: false });
    const delivered = inbox.waitFor(({ state }) => state === "delivered");
    const three = inbox.waitFor({ count: 3 });
    const two = inbox.waitFor({ count: 2, where: ({ collapseKey }) => collapseKey === "a" });
    for (const collapseKey of ["a", "b", "a"]) send(app.canonicalToken, { collapseKey });
    expect(await three).toHaveLength(3);
    expect((await two).map(({ id }) => id)).toEqual([1, 3]);
    service.setConnected(app, true);
    expect(await delivered).toMatchObject({ collapseKey: "b" });
    expect(await inbox.waitFor({ count: 3 })).toHaveLength(3);
  });

  it("gives what a waiting function throws to the one who waits, and serves the client all the same", async () => {
    const { device, send, inbox } = testWorld();
    const app = device();
    const thrower = (): boolean => {
      throw new Error("wrong function");
    };
    const one = inbox.waitFor(thrower);
    const many = inbox.waitFor({ count: 1, where: thrower });
    expect(send(app.canonicalToken)).toMatchObject({ kind: "accepted" });
    await expect(one).rejects.toThrow("wrong function");
    await expect(many).rejects.toThrow("wrong function");
    await expect(inbox.waitFor(thrower)).rejects.toThrow("wrong function");
    expect(app.received).toHaveLength(1);
  });

  it("looks at each message once per change, however many a wait is for", async () => {
    const { send, inbox } = testWorld();
    let looks = 0;
    const waited = inbox.waitFor({
      count: 500,
      where: () => {
        looks++;
        return true;
      },
    });
    for (let i = 0; i < 500; i++) send("nobody");
    expect(await waited).toHaveLength(500);
    expect(looks).toBeLessThanOrEqual(1500);
  });

  it("no longer counts for a wait what was forgotten", async () => {
    const { send, inbox } = testWorld();
    const two = inbox.waitFor({ count: 2, where: () => true });
    send("nobody");
    inbox.clear();
    send("nobody");
    send("nobody");
    expect((await two).map(({ id }) => id)).toEqual([2, 3]);
  });

  it("says that it was cleared, and nothing more of what it no longer lists", () => {
    const { device, send, inbox, service, events } = testWorld();
    const app = device({ connected: false });
    send(app.canonicalToken);
    const seen: unknown[] = [];
    events.subscribe((event) => {
      if (event.type === "message" || event.type === "cleared") seen.push(event);
    });
    inbox.clear();
    service.setConnected(app, true);
    expect(app.received).toHaveLength(1);
    expect(seen).toEqual([{ type: "cleared", upTo: 1 }]);
  });

  it("gives up a wait when the signal says so, and every wait when it closes", async () => {
    const { inbox } = testWorld();
    const controller = new AbortController();
    const aborted = inbox.waitFor({ count: 1 }, { signal: controller.signal });
    const closed = inbox.waitFor(() => true);
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
    inbox.close();
    await expect(closed).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await expect(inbox.waitFor(() => true)).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  it("keeps the first hundred entries of a message to many", () => {
    const { device, send, registry, latest } = testWorld();
    for (let i = 0; i < 300; i++) registry.subscribe(device(), "news", 0, 10);
    send("/topics/news");
    expect(latest()).toMatchObject({ devices: 300, delivered: 300, state: "delivered" });
    expect(latest().timeline).toHaveLength(100);
  });
});

import { parseCondition } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { testWorld } from "../../../../test/support/emulator-world.ts";
import { clearModel } from "../create-model.ts";
import type { DeviceGroup } from "./device-groups.ts";

describe("tokens", () => {
  it("knows the latest registration as canonical, and names it in answers to older tokens, which go on working", () => {
    const { device, send, service } = testWorld();
    const app = device({ token: "token-a" });
    service.apps.reregister(app, "token-b");
    service.apps.reregister(app, "token-c");
    expect(send("token-a")).toMatchObject({ kind: "accepted", canonicalToken: "token-c" });
    expect(send("token-b")).toMatchObject({ canonicalToken: "token-c" });
    expect(send("token-c")).not.toHaveProperty("canonicalToken");
    expect(app.received.map(({ token }) => token)).toEqual(["token-a", "token-b", "token-c"]);
  });

  it("stops a superseded token after its lifetime, where it has one", () => {
    const { device, send, service, clock } = testWorld({ supersededLifetimeMs: 1000 });
    service.apps.reregister(device({ token: "token-a" }), "token-b");
    clock.advance(999);
    expect(send("token-a").kind).toBe("accepted");
    clock.advance(1);
    expect(send("token-a")).toMatchObject({ code: "not-registered" });
    expect(send("token-b").kind).toBe("accepted");
  });

  it("lets no superseded token's end reach over a reset to another device that has it now", () => {
    const { device, send, service, clock, ...model } = testWorld({ supersededLifetimeMs: 1000 });
    service.apps.reregister(device({ token: "token-a" }), "token-b");
    clearModel({ ...model, service, clock });
    expect(clock.scheduled).toBe(0);
    device({ token: "token-a" });
    clock.advance(1000);
    expect(send("token-a").kind).toBe("accepted");
  });

  it("lets a token that a device takes back work on", () => {
    const { device, send, service, clock } = testWorld({ supersededLifetimeMs: 1000 });
    const app = device({ token: "token-a" });
    service.apps.reregister(app, "token-b");
    clock.advance(500);
    service.apps.reregister(app, "token-a");
    clock.advance(600);
    expect(send("token-a").kind).toBe("accepted");
    expect(send("token-b")).toMatchObject({ canonicalToken: "token-a" });
    clock.advance(400);
    expect([send("token-a").kind, send("token-b").kind]).toEqual(["accepted", "refused"]);
  });

  it.each([
    ["the documented probe", "ABC"],
    ["three characters", "abc"],
    ["white space", "token a"],
    ["a line feed", "token\n"],
    ["a control character", "token\u0001"],
    ["4097 characters", "x".repeat(4097)],
    ["nothing", ""],
  ])("calls %s malformed", (_what, token) => {
    expect(testWorld().send(token)).toMatchObject({ kind: "refused", code: "invalid-registration" });
  });

  it("answers a well-formed token that nobody registered with not-registered", () => {
    expect(testWorld().send("x".repeat(4096))).toMatchObject({ kind: "refused", code: "not-registered" });
  });

  it("registers unknown tokens by itself when told to, but no malformed ones", () => {
    const { send, registry } = testWorld({ autoRegister: true });
    expect(send("from-my-own-app").kind).toBe("accepted");
    expect(registry.byToken("from-my-own-app")?.received).toHaveLength(1);
    expect(send("ABC")).toMatchObject({ code: "invalid-registration" });
  });

  it("registers nothing for a dry run, and answers it as if it had", () => {
    const { send, registry, latest } = testWorld({ autoRegister: true });
    expect(send("token-new", { dryRun: true })).toMatchObject({ kind: "accepted", messageId: "fake_message_id" });
    expect(latest().state).toBe("validated");
    expect(send("ABC", { dryRun: true })).toMatchObject({ code: "invalid-registration" });
    expect(send("token-new", { dryRun: true, data: { a: "x".repeat(5000) } })).toMatchObject({
      code: "message-too-big",
    });
    expect([...registry.apps()]).toEqual([]);
  });

  it("registers no member of a group that is gone for a dry run, and counts it as reached", () => {
    const { device, send, groups, registry, service } = testWorld({ autoRegister: true });
    const app = device({ token: "token-a" });
    const made = groups.create("1234567890", "g", ["token-a"]);
    const key = "group" in made ? (made.group.keys[0] as string) : "";
    service.remove(app);
    expect(send(key, { dryRun: true })).toMatchObject({ kind: "accepted", group: { success: 1, failure: 0 } });
    expect([...registry.apps()]).toEqual([]);
    expect(send(key)).toMatchObject({ kind: "accepted", group: { success: 1, failure: 0 } });
    expect(registry.byToken("token-a")?.received).toHaveLength(1);
  });

  it("registers no more by itself than maxDevices allows", () => {
    const { send } = testWorld({ autoRegister: true, maxDevices: 2 });
    expect(["tok-1", "tok-2", "tok-3"].map((token) => send(token).kind)).toEqual(["accepted", "accepted", "refused"]);
  });

  it("forgets the oldest of more than a hundred superseded tokens", () => {
    const { device, send, service } = testWorld();
    const app = device({ token: "token-0" });
    for (let i = 1; i <= 101; i++) service.apps.reregister(app, `token-${i}`);
    expect(send("token-0").kind).toBe("refused");
    expect(send("token-1").kind).toBe("accepted");
  });
});

describe("senders", () => {
  it("takes messages of every sender that the app registered with, and of no other", () => {
    const { device, send } = testWorld();
    const app = device({ senderIds: ["111", "222"] });
    expect(send(app.canonicalToken, { senderId: "111" }).kind).toBe("accepted");
    expect(send(app.canonicalToken, { senderId: "222" }).kind).toBe("accepted");
    expect(send(app.canonicalToken, { senderId: "333" })).toMatchObject({ code: "mismatch-sender-id" });
    expect(app.received.map(({ from }) => from)).toEqual(["111", "222"]);
  });

  it("does not ask for a sender when the credentials do not name one", () => {
    const { device, send } = testWorld();
    expect(send(device({ senderIds: ["111"] }).canonicalToken).kind).toBe("accepted");
  });
});

describe("validation", () => {
  it("goes in order: malformed, other sender, unknown, package, size, scripted", () => {
    const { device, send, faults } = testWorld();
    const app = device({ senderIds: ["111"], packageName: "com.example.one" });
    const big = { data: { k: "x".repeat(5000) }, restrictedPackageName: "com.example.two" };
    faults.next({ error: "unavailable" });
    expect(send("a b", { ...big, senderId: "222" })).toMatchObject({ code: "invalid-registration" });
    expect(send(app.canonicalToken, { ...big, senderId: "222" })).toMatchObject({ code: "mismatch-sender-id" });
    expect(send("nobody", { ...big, senderId: "111" })).toMatchObject({ code: "not-registered" });
    expect(send(app.canonicalToken, { ...big, senderId: "111" })).toMatchObject({ code: "invalid-package-name" });
    expect(send(app.canonicalToken, { data: big.data })).toMatchObject({ code: "message-too-big" });
    expect(send(app.canonicalToken)).toMatchObject({ code: "unavailable" });
    expect(send(app.canonicalToken).kind).toBe("accepted");
  });

  it("counts keys and values in UTF-8 against 4096 bytes, and against 2048 to a topic", () => {
    const { device, send } = testWorld();
    const { canonicalToken } = device();
    expect(send(canonicalToken, { data: { k: `${"é".repeat(2047)}x` } }).kind).toBe("accepted");
    expect(send(canonicalToken, { data: { k: "é".repeat(2048) } })).toMatchObject({ code: "message-too-big" });
    expect(send("/topics/news", { data: { k: "x".repeat(2047) } }).kind).toBe("accepted");
    expect(send("/topics/news", { data: { k: "x".repeat(2048) } })).toMatchObject({ code: "message-too-big" });
  });

  it("validates a dry run in full, answers a placeholder, and leaves no trace on devices, buckets or storage", () => {
    const { device, send, latest } = testWorld({ throttling: { collapsible: { capacity: 1, refillEveryMs: 1000 } } });
    const app = device();
    expect(send(app.canonicalToken, { dryRun: true, collapseKey: "a" })).toMatchObject({
      messageId: "fake_message_id",
    });
    expect(latest().state).toBe("validated");
    expect(app.received).toEqual([]);
    expect(send("nobody", { dryRun: true })).toMatchObject({ code: "not-registered" });
    send(app.canonicalToken, { collapseKey: "a" });
    expect(app.received).toHaveLength(1);
  });
});

describe("topics", () => {
  it("reach the apps that subscribe, of the right sender only", () => {
    const { device, send, registry, latest } = testWorld();
    const [one, two, other] = [device(), device(), device({ senderIds: ["999"] })];
    for (const app of [one, other]) registry.subscribe(app, "news", 0, 10);
    expect(send("/topics/news", { senderId: "1234567890" }).kind).toBe("accepted");
    expect([one, two, other].map(({ received }) => received.length)).toEqual([1, 0, 0]);
    expect(latest()).toMatchObject({ devices: 1, delivered: 1, state: "delivered" });
  });

  it("are accepted with nobody subscribed", () => {
    const { send, latest } = testWorld();
    expect(send("/topics/empty").kind).toBe("accepted");
    expect(latest()).toMatchObject({ state: "accepted", devices: 0 });
  });

  it("can be combined in a condition, read from left to right", () => {
    const { device, registry, service, inbox } = testWorld();
    const apps = ["a", "b", "ac"].map((topics) => {
      const app = device();
      for (const topic of topics) registry.subscribe(app, topic, 0, 10);
      return app;
    });
    const condition = "'a' in topics || 'b' in topics && 'c' in topics";
    service.send({
      protocol: "gcm-http",
      address: { kind: "condition", condition, node: parseCondition(condition) },
      to: condition,
      data: {},
      timeToLiveSec: 0,
      wire: "{}",
    });
    expect(apps.map(({ received }) => received.length)).toEqual([0, 0, 1]);
    expect(inbox.latest()?.kind).toBe("condition");
  });

  it("are limited to so many per app", () => {
    const { device, registry } = testWorld();
    const app = device();
    expect(registry.subscribe(app, "a", 0, 1)).toBe(true);
    expect(registry.subscribe(app, "a", 0, 1)).toBe(true);
    expect(registry.subscribe(app, "b", 0, 1)).toBe(false);
  });
});

describe("device groups", () => {
  function grouped(world = testWorld()) {
    const apps = [world.device(), world.device(), world.device()];
    const answer = world.groups.create(
      "1234567890",
      "user-7",
      apps.map(({ canonicalToken }) => canonicalToken),
    );
    const group = (answer as { group: DeviceGroup }).group;
    return { ...world, apps, group, key: group.keys[0] as string };
  }

  it("reach every member and count who could be sent to", () => {
    const { apps, key, send, service } = grouped();
    service.unregister(apps[2] as (typeof apps)[0]);
    expect(send(key)).toMatchObject({
      kind: "accepted",
      group: { success: 2, failure: 1, failed: ["token-3"] },
    });
    expect(apps.map(({ received }) => received.length)).toEqual([1, 1, 0]);
  });

  it("leave tokens out that are not valid, and fail when none is", () => {
    const { groups, device } = testWorld();
    const app = device();
    expect(groups.create("1234567890", "a", [app.canonicalToken, "unknown"])).toMatchObject({
      group: { members: new Set([app.canonicalToken]) },
    });
    expect(groups.create("1234567890", "b", ["unknown"])).toEqual({ error: "no valid registration ids" });
  });

  it("refuse what is too big for every member as such, which sending again will not change", () => {
    const { key, send } = grouped();
    expect(send(key, { data: { a: "x".repeat(5000) } })).toMatchObject({
      kind: "refused",
      code: "message-too-big",
    });
  });

  it("answer every documented error", () => {
    const { groups, key } = grouped();
    expect(groups.create("1234567890", "user-7", ["token-1"])).toEqual({ error: "notification_key already exists" });
    expect(groups.add("1234567890", "other-key", undefined, ["token-1"])).toEqual({
      error: "notification_key not found",
    });
    expect(groups.add("999", key, undefined, ["token-1"])).toEqual({ error: "notification_key not found" });
    expect(groups.remove("1234567890", key, "user-8", ["token-1"])).toEqual({
      error: "notification_key_name doesn't match the group name of the notification_key",
    });
  });

  it("keep every key working that they ever gave out", () => {
    const { groups, key, group, send, device } = grouped();
    groups.add("1234567890", key, "user-7", [device().canonicalToken]);
    const newest = group.keys.at(-1) as string;
    expect(newest).not.toBe(key);
    for (const each of [key, newest]) expect(send(each)).toMatchObject({ group: { success: 4 } });
  });

  it("have at most 20 members", () => {
    const { groups, device } = testWorld();
    const tokens = Array.from({ length: 21 }, () => device().canonicalToken);
    expect(groups.create("1234567890", "many", tokens)).toHaveProperty("error");
    expect(groups.create("1234567890", "many", tokens.slice(0, 20))).toHaveProperty("group");
  });

  it("end with their last member", () => {
    const { groups, key, send } = grouped();
    groups.remove("1234567890", key, undefined, ["token-1", "token-2", "token-3"]);
    expect(groups.find("1234567890", "user-7")).toBeUndefined();
    expect(send(key).kind).toBe("refused");
  });

  it("pass an upstream message to the other members, and take back what one member has handled", () => {
    const { apps, key, send, service } = grouped();
    const [one, two, three] = apps as [(typeof apps)[0], (typeof apps)[0], (typeof apps)[0]];
    service.setConnected(two, false);
    send(key, { data: { n: "call" } });
    service.deviceUpstream.send(one, { data: { n: "done" }, notificationKey: key, messageId: "u-1", settle: () => {} });
    service.setConnected(two, true);
    expect(two.received.map(({ data }) => data["n"])).toEqual(["done"]);
    expect(three.received.map(({ data }) => data["n"])).toEqual(["call", "done"]);
    expect(one.received.map(({ data }) => data["n"])).toEqual(["call"]);
  });
});

describe("scripted refusals", () => {
  it("strike the token they name as often as they say, in the order they were armed", () => {
    const { device, send, faults } = testWorld();
    const [a, b] = [device().canonicalToken, device().canonicalToken];
    faults.next({ token: a, error: "unavailable", times: 2 });
    faults.next({ token: a, error: "InternalServerError" });
    expect(send(b).kind).toBe("accepted");
    expect([1, 2, 3, 4].map(() => send(a))).toMatchObject([
      { code: "unavailable" },
      { code: "unavailable" },
      { word: "InternalServerError" },
      { kind: "accepted" },
    ]);
    expect(faults.armed).toEqual([]);
  });

  it("strike one protocol only where they name one", () => {
    const { device, send, faults } = testWorld();
    const { canonicalToken } = device();
    faults.next({ endpoint: "ccs", error: "unavailable" });
    expect(send(canonicalToken).kind).toBe("accepted");
    expect(send(canonicalToken, { protocol: "ccs" }).kind).toBe("refused");
  });

  it("come before random ones, whichever was armed first", () => {
    const { device, send, faults } = testWorld();
    const { canonicalToken } = device();
    faults.random({ rate: 1, error: "unavailable" });
    faults.next({ token: canonicalToken, error: "internal-error" });
    expect([send(canonicalToken), send(canonicalToken)]).toMatchObject([
      { code: "internal-error" },
      { code: "unavailable" },
    ]);
  });

  it("strike at random as the seed says", () => {
    const run = (): string[] => {
      const { device, send, faults } = testWorld();
      const { canonicalToken } = device();
      faults.random({ rate: 0.3, error: "unavailable" });
      return Array.from({ length: 200 }, () => send(canonicalToken).kind);
    };
    const refused = run().filter((kind) => kind === "refused").length;
    expect(refused).toBeGreaterThan(30);
    expect(refused).toBeLessThan(90);
    expect(run()).toEqual(run());
  });

  it.each([
    [{ error: "" }, /error/],
    [{ error: "connection-lost" }, /has no word on any wire/],
    [{ error: "unavailable", times: 0 }, /times/],
  ])("refuse what cannot be: %j", (fault, problem) => {
    expect(() => testWorld().faults.next(fault)).toThrow(problem);
  });
});

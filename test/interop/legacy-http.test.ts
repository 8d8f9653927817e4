import { describe, expect, it } from "vitest";
import { runRedirected } from "./foreign-program.ts";
import { startTarget, TARGETS } from "./target.ts";

interface Printed {
  readonly error: unknown;
  readonly response: {
    readonly success: number;
    readonly failure: number;
    readonly canonical_ids: number;
    readonly results: readonly Readonly<Record<string, string>>[];
  } | null;
}

const libraries = ["node-gcm", "@parse/node-gcm"].flatMap((library) => TARGETS.map((kind) => [library, kind] as const));

describe.each(libraries)("%s, unmodified, through the redirect to the %s", (library, kind) => {
  it("sends a multicast: delivered, canonical ID, not registered, and one tried again", async () => {
    await using target = await startTarget(kind);
    const { emulator } = target;
    const [fresh, moved, gone, shy] = ["fresh", "moved", "gone", "shy"].map((name) => emulator.createDevice({ name }));
    if (!fresh || !moved || !gone || !shy) throw new Error("no device");
    const { old, canonical } = await target.reregister(moved);
    gone.unregister();
    emulator.faults.next({ token: shy.token, error: "unavailable", times: 1 });

    const message = { data: { n: "1", text: "<Grüße & 😀>" }, collapseKey: "c", timeToLive: 60 };
    const recipient = { registrationTokens: [fresh.token, old, gone.token, shy.token] };
    const { error, response } = await runRedirected<Printed>(target, "node-gcm.cjs", [
      library,
      JSON.stringify({ message, recipient, retries: 3 }),
    ]);

    expect(error).toBeNull();
    expect(response).toMatchObject({ success: 3, failure: 1, canonical_ids: 1 });
    const [first, second, third, fourth] = response?.results ?? [];
    expect(first?.["message_id"]).toMatch(/./);
    expect(second?.["registration_id"]).toBe(canonical);
    expect(third).toEqual({ error: "NotRegistered" });
    expect(fourth?.["message_id"]).toMatch(/./);
    for (const device of [fresh, moved, shy]) {
      expect(device.received.map(({ data }) => data)).toEqual([{ n: "1", text: "<Grüße & 😀>" }]);
    }
    // four of the first attempt and the one that was tried again; the gateway sends to the token that it knows to be the new one
    const reached = kind === "gateway" ? canonical : old;
    const sent = emulator.inbox.messages.map(({ to, collapseKey }) => `${to} ${collapseKey}`);
    const expected = [fresh.token, reached, gone.token, shy.token, shy.token].map((token) => `${token} c`);
    expect(kind === "gateway" ? sent.sort() : sent).toEqual(kind === "gateway" ? expected.sort() : expected);
  });

  it("tries a request again that was answered 503", async () => {
    await using target = await startTarget(kind);
    const { emulator } = target;
    const device = emulator.createDevice();
    emulator.faults.nextRequest({ status: 503, times: 2 });
    const { response } = await runRedirected<Printed>(target, "node-gcm.cjs", [
      library,
      JSON.stringify({ message: { data: { n: "1" } }, recipient: { to: device.token }, retries: 5 }),
    ]);
    expect(response).toMatchObject({ success: 1, failure: 0 });
    expect(device.received).toHaveLength(1);
    expect(emulator.stats.statuses).toMatchObject({ 503: 2 });
  });

  it("sends to a topic, and hears of a bad key", async () => {
    await using target = await startTarget(kind);
    const { emulator } = target;
    const device = emulator.createDevice();
    device.subscribe("news");
    const send = () =>
      runRedirected<Printed>(target, "node-gcm.cjs", [
        library,
        JSON.stringify({
          message: { notification: { title: "News", icon: "i" } },
          recipient: { topic: "/topics/news" },
          retries: 0,
        }),
      ]);
    const { error, response } = await send();
    expect([error, response]).toEqual([null, { message_id: expect.anything() }]);
    expect(device.received[0]?.notification).toMatchObject({ title: "News" });

    await using strict = await startTarget(kind, "AIzaSyAnother-0123456789-0123456789-0123");
    const refused = await runRedirected<Printed>(strict, "node-gcm.cjs", [
      library,
      JSON.stringify({ message: {}, recipient: { to: "tok-a" }, retries: 0 }),
    ]);
    expect(refused.error).toBe(401);
  });
});

describe.each(TARGETS)("fcm-node, unmodified, through the redirect to the %s", (kind) => {
  // it gives both arguments as text
  const read = (value: unknown) => (typeof value === "string" ? (JSON.parse(value) as Printed["response"]) : value);

  it("sends to one token", async () => {
    await using target = await startTarget(kind);
    const { emulator } = target;
    const device = emulator.createDevice();
    const { error, response } = await runRedirected<Printed>(target, "fcm-node.cjs", [
      JSON.stringify({ to: device.token, collapse_key: "c", notification: { title: "Hi" }, data: { n: "1" } }),
    ]);
    expect(error).toBeNull();
    expect(read(response)).toMatchObject({ success: 1, failure: 0 });
    expect(device.received[0]).toMatchObject({ data: { n: "1" }, notification: { title: "Hi" }, collapseKey: "c" });
  });

  it("sends a multicast, and hears of the canonical ID and of the token that is gone", async () => {
    await using target = await startTarget(kind);
    const { emulator } = target;
    const [moved, gone] = [emulator.createDevice(), emulator.createDevice()];
    const { old, canonical } = await target.reregister(moved);
    gone.unregister();
    const { error, response } = await runRedirected<Printed>(target, "fcm-node.cjs", [
      JSON.stringify({ registration_ids: [old, gone.token], data: { n: "1" } }),
    ]);
    const answer = read(response ?? error);
    expect(answer).toMatchObject({
      success: 1,
      failure: 1,
      canonical_ids: 1,
      results: [{ registration_id: canonical }, { error: "NotRegistered" }],
    });
    expect(moved.received).toHaveLength(1);
  });

  it("tries a request again that was answered 503, and hears of FCM's 503 from the gateway", async () => {
    await using target = await startTarget(kind);
    const { emulator } = target;
    const device = emulator.createDevice();
    emulator.faults.nextRequest({ status: 503 });
    const { error, response } = await runRedirected<Printed>(target, "fcm-node.cjs", [
      JSON.stringify({ to: device.token }),
    ]);
    // the gateway answers for the recipient, and the library tries none of them again by itself
    const answer = read(response ?? error);
    if (kind === "gateway") expect(answer).toMatchObject({ failure: 1, results: [{ error: "Unavailable" }] });
    else expect(answer).toMatchObject({ success: 1 });
    expect(emulator.stats.statuses).toMatchObject({ 503: 1 });
  });
});

describe.each(TARGETS)("fcm-push, unmodified, through the redirect to the %s", (kind) => {
  it("sends to one token, and hears of one that is gone", async () => {
    await using target = await startTarget(kind);
    const { emulator } = target;
    const [phone, gone] = [emulator.createDevice(), emulator.createDevice()];
    gone.unregister();
    const send = (to: string) => runRedirected(target, "fcm-push.cjs", [JSON.stringify({ to, data: { n: "1" } })]);
    expect(await send(phone.token)).toMatchObject({ answer: { success: 1, failure: 0 } });
    expect(await send(gone.token)).toEqual({ error: "NotRegistered" });
    expect(phone.received.map(({ data }) => data)).toEqual([{ n: "1" }]);
  });
});

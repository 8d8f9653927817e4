import { type DeviceOptions, type Emulator, type EmulatorOptions, startEmulator } from "@cloud-messaging/emulator";
import { afterEach, describe, expect, it } from "vitest";

const emulators: Emulator[] = [];
afterEach(async () => {
  for (const emulator of emulators.splice(0)) await emulator.close();
});

async function world(device: DeviceOptions = {}, options: EmulatorOptions = {}) {
  const emulator = await startEmulator({ ccsPort: false, httpsPort: false, ...options });
  emulators.push(emulator);
  const phone = emulator.createDevice(device);
  const send = async (message: object, top: object = {}) => {
    const named = ["topic", "condition", "fid", "token"].some(
      (name) => (message as Record<string, unknown>)[name] != null,
    );
    const target = named ? {} : { token: phone.token };
    const response = await fetch(`${emulator.httpUrl}/v1/projects/p/messages:send`, {
      method: "POST",
      headers: { authorization: "Bearer x", "content-type": "application/json" },
      body: JSON.stringify({ message: { ...target, ...message }, ...top }),
    });
    const { name, error } = (await response.json()) as {
      name?: string;
      error?: {
        message: string;
        status: string;
        details?: { errorCode?: string; fieldViolations?: { field: string }[] }[];
      };
    };
    const details = error?.details ?? [];
    return {
      status: response.status,
      name,
      message: error?.message,
      code: details.find(({ errorCode }) => errorCode !== undefined)?.errorCode,
      fields: details.flatMap(({ fieldViolations = [] }) => fieldViolations.map(({ field }) => field)),
    };
  };
  return { emulator, phone, send };
}

describe("FCM v1 refuses what is out of form, by the name of the field", () => {
  const shown = (fields: object) => ({ android: { notification: fields } });
  const shownV2 = (fields: object) => ({ android_v2: { remote_notification: { notification: fields } } });
  const light = { color: { red: 1 }, light_on_duration: "1s", light_off_duration: "0s" };

  it.each<[string, object, string]>([
    ["a colour without #", shown({ color: "ff0000" }), "message.android.notification.color"],
    ["a colour of three digits", shown({ color: "#f00" }), "message.android.notification.color"],
    ["a colour with alpha", shown({ color: "#ff0000ff" }), "message.android.notification.color"],
    [
      "a colour by name, in android_v2",
      shownV2({ color: "red" }),
      "message.android_v2.remote_notification.notification.color",
    ],
    [
      "a colour channel above 1",
      shown({ light_settings: { ...light, color: { green: 1.5 } } }),
      "message.android.notification.light_settings.color.green",
    ],
    [
      "a colour channel that is no number",
      shown({ light_settings: { ...light, color: { blue: "NaN" } } }),
      "message.android.notification.light_settings.color.blue",
    ],
    [
      "light settings without a duration",
      shown({ light_settings: { ...light, light_on_duration: null } }),
      "message.android.notification.light_settings.light_on_duration",
    ],
    [
      "a vibration that ends before it begins",
      shown({ vibrate_timings: ["1s", "-1s"] }),
      "message.android.notification.vibrate_timings[1]",
    ],
    [
      "an analytics label with a blank",
      { fcm_options: { analytics_label: "a b" } },
      "message.fcm_options.analytics_label",
    ],
    [
      "an analytics label of 51 characters",
      { android: { fcm_options: { analytics_label: "a".repeat(51) } } },
      "message.android.fcm_options.analytics_label",
    ],
    [
      "an analytics label for Apple",
      { apns: { fcm_options: { analytics_label: "ä" } } },
      "message.apns.fcm_options.analytics_label",
    ],
    [
      "an analytics label for the web",
      { webpush: { fcm_options: { analytics_label: "a/b" } } },
      "message.webpush.fcm_options.analytics_label",
    ],
    [
      "an analytics label in android_v2",
      { android_v2: { background_sync: {}, fcm_options: { analytics_label: "!" } } },
      "message.android_v2.fcm_options.analytics_label",
    ],
    ["a time to live beyond four weeks", { android: { ttl: "2419200.1s" } }, "message.android.ttl"],
    ["a negative time to live", { android_v2: { ttl: "-1s", background_sync: {} } }, "message.android_v2.ttl"],
    ["a reserved key for Android", { android: { data: { "google.x": "1" } } }, "message.android.data"],
    ["a reserved key for the web", { webpush: { data: { from: "1" } } }, "message.webpush.data"],
    [
      "a link over HTTP",
      { webpush: { fcm_options: { link: "http://example.com/" } } },
      "message.webpush.fcm_options.link",
    ],
    ["an aps that is no object", { apns: { payload: { aps: "x" } } }, "message.apns.payload"],
    ["android and android_v2 together", { android: {}, android_v2: { background_sync: {} } }, "message.android_v2"],
    ["an android_v2 of neither kind", { android_v2: { collapse_key: "k" } }, "message.android_v2"],
    [
      "a remote notification without its notification",
      { android_v2: { remote_notification: {} } },
      "message.android_v2.remote_notification.notification",
    ],
  ])("%s", async (_what, message, field) => {
    const { send, emulator, phone } = await world();
    const answer = await send(message);
    expect(answer).toMatchObject({ status: 400, code: "INVALID_ARGUMENT", fields: [field] });
    expect(answer.message).toContain(field);
    // the inbox shows it, with the reason
    expect(emulator.inbox.latest()).toMatchObject({ state: "rejected", code: "invalid-argument" });
    expect(emulator.inbox.latest()?.reason).toContain(field);
    expect(phone.received).toEqual([]);
  });

  it.each<[string, object]>([
    ["colours in upper case", shown({ color: "#FF00AA", light_settings: light })],
    [
      "every unset field as null",
      {
        data: null,
        notification: null,
        android: null,
        apns: null,
        webpush: null,
        fcm_options: null,
        topic: null,
        condition: null,
        fid: null,
        name: null,
      },
    ],
    [
      "numbers as text, and enums by number",
      shown({ notification_count: "3", notification_priority: 4, visibility: "2", proxy: 1 }),
    ],
    ["a link to loopback", { webpush: { fcm_options: { link: "http://localhost:3000/" } } }],
    ["empty texts as unset", { fcm_options: { analytics_label: "" }, android: { notification: { color: "" } } }],
  ])("and takes %s", async (_what, message) => {
    const { send, phone } = await world();
    expect(await send(message)).toMatchObject({ status: 200 });
    expect(phone.received).toHaveLength(1);
  });

  it("a payload over 4096 bytes, 2048 to a topic, in any of the blocks", async () => {
    const { send } = await world();
    const big = { x: "x".repeat(4096) };
    const half = { x: "x".repeat(2048) };
    for (const message of [
      { data: big },
      { notification: { body: big.x } },
      { android: { data: big } },
      shownV2({ body: big.x }),
    ]) {
      expect(await send(message)).toMatchObject({ status: 400, code: "INVALID_ARGUMENT" });
    }
    expect(await send({ data: half })).toMatchObject({ status: 200 });
    for (const message of [{ data: half }, { webpush: { data: half } }, { apns: { payload: half } }]) {
      expect(await send({ topic: "news", ...message })).toMatchObject({ status: 400, code: "INVALID_ARGUMENT" });
    }
    expect(await send({ topic: "news", data: { x: "x".repeat(2047) } })).toMatchObject({ status: 200 });
  });
});

describe("android_v2", () => {
  it("reaches the device, and the inbox shows it", async () => {
    const { send, phone, emulator } = await world();
    const v2 = {
      collapseKey: "k",
      ttl: "60s",
      data: { n: "2" },
      remoteNotification: { notification: { title: "Hi", id: "7" }, mutableContent: true },
    };
    expect(await send({ notification: { body: "general" }, data: { n: "1" }, androidV2: v2 })).toMatchObject({
      status: 200,
    });
    expect(phone.received[0]).toMatchObject({
      data: { n: "2" },
      notification: { title: "Hi", body: "general", id: 7 },
      collapseKey: "k",
    });
    expect(emulator.inbox.latest()).toMatchObject({
      timeToLiveSec: 60,
      notification: { title: "Hi" },
      collapseKey: "k",
    });
    expect(emulator.inbox.latest()?.wire).toContain("mutableContent");
    expect(await send({ android_v2: { background_sync: {} } })).toMatchObject({ status: 200 });
    expect(phone.received[1]).toMatchObject({ data: {} });
  });
});

describe("tokens over v1", () => {
  it("are malformed, dead or alive", async () => {
    const { send, emulator } = await world();
    const dead = emulator.createDevice({ token: "tok-dead" });
    dead.unregister();
    const removed = emulator.createDevice({ token: "tok-removed" });
    removed.remove();
    const wellFormed = `${"f".repeat(22)}:APA91b${"x".repeat(134)}`;
    const invalid = {
      status: 400,
      code: "INVALID_ARGUMENT",
      message: "The registration token is not a valid FCM registration token",
    };
    const gone = { status: 404, code: "UNREGISTERED" };
    for (const token of ["not-a-token", "ABC", "a b", "x".repeat(5000)])
      expect(await send({ token })).toMatchObject(invalid);
    for (const token of ["tok-dead", "tok-removed", wellFormed]) {
      expect(await send({ token })).toMatchObject(gone);
      expect(await send({ token }, { validate_only: true })).toMatchObject(gone);
    }
    for (const fid of ["not-a-fid", "x", "f".repeat(22)]) expect(await send({ fid })).toMatchObject(gone);
  });

  it("stay unavailable, and not dead, where the emulator has no room to register them", async () => {
    const { send, emulator } = await world({ token: "tok-first" }, { autoRegister: true, maxDevices: 2 });
    const told: string[] = [];
    emulator.events.subscribe((event) => event.type === "full" && told.push(event.detail));
    expect(await send({ token: "tok-second" })).toMatchObject({ status: 200 });
    expect(await send({ token: "tok-third" })).toMatchObject({ status: 503, code: "UNAVAILABLE" });
    expect(await send({ token: "tok-first" })).toMatchObject({ status: 200 });
    const legacy = await fetch(`${emulator.httpUrl}/fcm/send`, {
      method: "POST",
      headers: { authorization: "key=k", "content-type": "application/json" },
      body: JSON.stringify({ registration_ids: ["tok-third", "tok-first"] }),
    });
    expect(await legacy.json()).toMatchObject({
      results: [{ error: "Unavailable" }, { message_id: expect.any(String) }],
    });
    const batch = await fetch(`${emulator.httpUrl}/iid/v1:batchAdd`, {
      method: "POST",
      headers: { authorization: "key=k" },
      body: JSON.stringify({ to: "/topics/news", registration_tokens: ["tok-third"] }),
    });
    expect(await batch.json()).toEqual({ results: [{ error: "INTERNAL" }] });
    const refused = emulator.inbox.messages.filter(({ to }) => to === "tok-third");
    expect(refused).toHaveLength(2);
    expect(told).toEqual([expect.stringMatching(/has 2 devices, as many as maxDevices allows/)]);
    for (const { reason } of refused) expect(reason).toMatch(/has 2 devices, as many as maxDevices allows/);
    // a page that is loaded afterwards is told as well, until a device is removed
    const about = async (): Promise<unknown> => (await fetch(`${emulator.httpUrl}/emulator/v1/`)).json();
    expect(await about()).toMatchObject({ full: told[0] });
    emulator.devices[0]?.remove();
    expect(await about()).toMatchObject({ full: null });
  });

  const group = { operation: "create", notification_key_name: "home", registration_ids: ["tok-first", "tok-third"] };
  const addresses = '{"application":"com.example.app","sandbox":false,"apns_tokens":["TOKEN"]}';
  it.each<[string, string, unknown, number, RegExp]>([
    ["a new group", "/fcm/notification", group, 503, /as many as maxDevices allows/],
    [
      "a group of the app's own",
      "/gcm/googlenotification",
      { ...group, operation: "add", registration_ids: ["tok-third"], id_token: "t" },
      503,
      /maxDevices/,
    ],
    ["a topic, one at a time", "/iid/v1/tok-third/rel/topics/news", undefined, 500, /^\{"error":"INTERNAL"\}$/],
    [
      "a topic, as of 2026",
      "/v1/projects/p/registrations/tok-third/topicSubscriptions?topic_name=news",
      undefined,
      503,
      /UNAVAILABLE/,
    ],
    ["an import", "/iid/v1:batchImport", addresses.replace("TOKEN", "a".repeat(64)), 200, /Internal Server Error/],
  ])("stay unavailable for %s, with the reason as an event", async (_what, path, body, status, said) => {
    const { emulator } = await world({ token: "tok-first" }, { autoRegister: true, maxDevices: 1 });
    const told: string[] = [];
    emulator.events.subscribe((event) => event.type === "full" && told.push(event.detail));
    const response = await fetch(emulator.httpUrl + path, {
      method: "POST",
      headers: {
        authorization: path.startsWith("/v1/") ? "Bearer t" : "key=k",
        project_id: "1234567890",
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    expect(response.status).toBe(status);
    expect(await response.text()).toMatch(said);
    expect(told).toHaveLength(1);
    const look = await fetch(`${emulator.httpUrl}/fcm/notification?notification_key_name=home`, {
      headers: { authorization: "key=k", project_id: "1234567890" },
    });
    expect(await look.json()).toEqual({ error: "notification_key not found" });
  });
});

describe("an iPhone", () => {
  const priority = (value: string, more: object = {}) => ({ headers: { "apns-priority": value, ...more } });

  it.each<[string, object]>([
    ["data alone", { data: { n: "1" }, apns: priority("10") }],
    ["content-available alone", { apns: { ...priority("10"), payload: { aps: { "content-available": 1 } } } }],
    ["an empty alert", { apns: { ...priority("10"), payload: { aps: { alert: "" } } } }],
    ["a header in capitals", { data: { n: "1" }, apns: { headers: { "APNS-Priority": "10" } } }],
    ["a picture alone", { apns: { ...priority("10"), fcm_options: { image: "https://example.com/a.png" } } }],
    [
      "the push type alert with nothing to show",
      { data: { n: "1" }, apns: priority("10", { "apns-push-type": "alert" }) },
    ],
    [
      "the push type background",
      { notification: { title: "x" }, apns: priority("10", { "apns-push-type": "background" }) },
    ],
  ])("does not get priority 10 with %s: FCM refuses it in the words of a bad token", async (_what, message) => {
    const { send, phone, emulator } = await world({ platform: "ios" });
    expect(await send(message)).toMatchObject({
      status: 400,
      code: "INVALID_ARGUMENT",
      message: "The registration token is not a valid FCM registration token",
    });
    expect(phone.received).toEqual([]);
    expect(emulator.inbox.latest()?.reason).toMatch(/must have apns-priority 5, and has 10/);
  });

  it.each<[string, object]>([
    ["priority 5 and data", { data: { n: "1" }, apns: priority("5") }],
    ["no priority and data", { data: { n: "1" } }],
    ["priority 10 and a general notification", { notification: { title: "x" }, apns: priority("10") }],
    ["priority 10 and an alert", { apns: { ...priority("10"), payload: { aps: { alert: "x" } } } }],
    ["priority 10 and a badge", { apns: { ...priority("10"), payload: { aps: { badge: 0 } } } }],
    ["priority 10 and a sound", { apns: { ...priority("10"), payload: { aps: { sound: "default" } } } }],
    ["priority 10 and the push type voip", { data: { n: "1" }, apns: priority("10", { "apns-push-type": "voip" }) }],
    ["priority 10 and a Live Activity", { data: { n: "1" }, apns: { ...priority("10"), live_activity_token: "t" } }],
    ["Android's high priority and data", { data: { n: "1" }, android: { priority: "HIGH" } }],
  ])("gets %s", async (_what, message) => {
    const { send, phone } = await world({ platform: "ios" });
    expect(await send(message)).toMatchObject({ status: 200 });
    expect(phone.received).toHaveLength(1);
  });

  it.each<[string, object]>([
    ["a priority that there is not", { apns: priority("7") }],
    ["an expiration that is no number", { apns: { headers: { "apns-expiration": "soon" } } }],
    ["a collapse ID over 64 bytes", { apns: { headers: { "apns-collapse-id": "x".repeat(65) } } }],
    ["a payload over 4096 bytes", { apns: { payload: { aps: { alert: "x".repeat(4096) } } } }],
  ])("does not get %s", async (_what, message) => {
    const { send, phone } = await world({ platform: "ios" });
    expect(await send(message)).toMatchObject({ status: 400, code: "INVALID_ARGUMENT" });
    expect(phone.received).toEqual([]);
  });

  it("gets what the apns block says, and nothing of android's", async () => {
    const { send, phone, emulator } = await world({ platform: "ios", connected: false });
    const expiration = String(Math.floor(emulator.now() / 1000) + 120);
    expect(
      await send({
        data: { n: "1" },
        notification: { title: "general", body: "general" },
        android: { data: { n: "android" }, ttl: "0s", collapse_key: "android" },
        apns: {
          headers: { "apns-expiration": expiration, "apns-collapse-id": "score" },
          payload: {
            aps: { alert: { title: "Apple", subtitle: "sub" }, badge: 3, sound: "ping.caf" },
            own: { deep: 1 },
          },
          fcm_options: { image: "https://example.com/a.png" },
        },
      }),
    ).toMatchObject({ status: 200 });
    expect(emulator.inbox.latest()).toMatchObject({
      state: "stored",
      collapseKey: "score",
      data: { n: "1", own: '{"deep":1}' },
    });
    expect(emulator.inbox.latest()?.timeToLiveSec).toBeGreaterThanOrEqual(118);
    phone.connect();
    expect(phone.received[0]).toMatchObject({
      data: { n: "1", own: '{"deep":1}' },
      notification: {
        title: "Apple",
        subtitle: "sub",
        body: "general",
        badge: 3,
        sound: "ping.caf",
        image: "https://example.com/a.png",
      },
    });
    phone.disconnect();
    await send({ notification: { title: "now" }, apns: { headers: { "apns-expiration": "0" } } });
    expect(emulator.inbox.latest()).toMatchObject({ state: "discarded" });
  });
});

describe("a browser", () => {
  it("gets what the webpush block says", async () => {
    const { send, phone, emulator } = await world({ platform: "web" });
    await send({
      data: { n: "1" },
      notification: { title: "general" },
      webpush: {
        headers: { TTL: "60", Urgency: "high", Topic: "score" },
        data: { n: "web" },
        notification: { icon: "/i.png" },
      },
    });
    expect(phone.received[0]).toMatchObject({
      data: { n: "web" },
      notification: { title: "general", icon: "/i.png" },
      collapseKey: "score",
    });
    expect(emulator.inbox.latest()).toMatchObject({ timeToLiveSec: 60, priority: "high" });
  });

  it.each<[string, object]>([
    ["a TTL that is no number", { TTL: "1m" }],
    ["an urgency that there is not", { Urgency: "urgent" }],
    ["a topic over 32 characters", { Topic: "t".repeat(33) }],
  ])("does not get %s", async (_what, headers) => {
    const { send, phone } = await world({ platform: "web" });
    expect(await send({ webpush: { headers } })).toMatchObject({ status: 400, code: "INVALID_ARGUMENT" });
    expect(phone.received).toEqual([]);
  });
});

describe("a topic with devices of every platform", () => {
  it("reaches each as its block says, and not the one that cannot have it", async () => {
    const { emulator, phone, send } = await world();
    const [iphone, browser] = [emulator.createDevice({ platform: "ios" }), emulator.createDevice({ platform: "web" })];
    for (const device of [phone, iphone, browser]) device.subscribe("news");
    iphone.disconnect();
    await send({
      topic: "news",
      data: { n: "1" },
      android: { data: { n: "android" } },
      webpush: { data: { n: "web" } },
    });
    const saved = JSON.parse(JSON.stringify(emulator.saveState())) as ReturnType<Emulator["saveState"]>;
    emulator.loadState(saved);
    const again = emulator.device(iphone.id);
    expect(again?.platform).toBe("ios");
    again?.connect();
    expect(again?.received.map(({ data }) => data["n"])).toEqual(["1"]);
    expect([phone, browser].map(({ received }) => received[0]?.data["n"])).toEqual(["android", "web"]);
    expect(await send({ topic: "news", data: { n: "2" }, apns: { headers: { "apns-priority": "10" } } })).toMatchObject(
      { status: 200 },
    );
    expect(again?.received).toHaveLength(1);
    expect(
      emulator.inbox
        .latest()
        ?.timeline.map(({ detail }) => detail)
        .join(),
    ).toContain("apns-priority 5");
  });
});

describe("the platform of a device", () => {
  it("is set by the control API, shown there and at Instance ID, and checked", async () => {
    const { emulator } = await world();
    const make = (body: object) =>
      fetch(`${emulator.httpUrl}/emulator/v1/devices`, { method: "POST", body: JSON.stringify(body) });
    const made = (await (await make({ platform: "web" })).json()) as { token: string; platform: string };
    expect(made.platform).toBe("web");
    const info = await fetch(`${emulator.httpUrl}/iid/info/${made.token}`, { headers: { authorization: "key=k" } });
    expect(await info.json()).toMatchObject({ platform: "CHROME" });
    expect((await make({ platform: "symbian" })).status).toBe(400);
    // biome-ignore lint/suspicious/noExplicitAny: a value that the types refuse
    expect(() => emulator.createDevice({ platform: "symbian" as any })).toThrow(
      /platform: must be one of android, ios, web/,
    );
    expect(emulator.createDevice().platform).toBe("android");
  });
});

describe("statistics", () => {
  it("count deliveries: delivered, collapsed, waiting, discarded, expired", async () => {
    const { emulator, phone, send } = await world();
    const read = async () => {
      const stats = (await (await fetch(`${emulator.httpUrl}/emulator/v1/stats`)).json()) as Record<string, number>;
      expect(stats).toEqual(JSON.parse(JSON.stringify(emulator.stats)));
      const { delivered, collapsed, waiting, discarded, expired } = stats;
      return { delivered, collapsed, waiting, discarded, expired };
    };
    await send({ data: { n: "1" } });
    phone.disconnect();
    for (const n of ["1", "2", "3"]) await send({ data: { n }, android: { collapse_key: "k" } });
    await send({ android: { ttl: "60s" } });
    await send({ android: { ttl: "0s" } });
    expect(await read()).toEqual({ delivered: 1, collapsed: 2, waiting: 2, discarded: 1, expired: 0 });
    emulator.advance(61_000);
    expect(await read()).toEqual({ delivered: 1, collapsed: 2, waiting: 1, discarded: 1, expired: 1 });
    emulator.loadState(emulator.saveState());
    expect((await read()).waiting).toBe(1);
    emulator.device(phone.id)?.connect();
    expect(await read()).toEqual({ delivered: 2, collapsed: 2, waiting: 0, discarded: 1, expired: 1 });
    emulator.reset();
    expect(await read()).toEqual({ delivered: 0, collapsed: 0, waiting: 0, discarded: 0, expired: 0 });
  });
});

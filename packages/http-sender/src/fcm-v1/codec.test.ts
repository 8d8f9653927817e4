import type { MessageContent } from "@cloud-messaging/core";
import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import { FcmV1SendRequestSchema } from "@cloud-messaging/core/wire";
import { describe, expect, it } from "vitest";
import { addressesOf, createFcmV1Encoder, encodeFcmV1Content, withoutV1Meaning } from "./codec.ts";

const NOW = Date.UTC(2026, 0, 1);
const FID = "cTEST0123456789abcdefg";

function encode(content: MessageContent) {
  return encodeFcmV1Content(parseDownstreamMessage({ target: { token: "tok-a" }, ...content }), NOW);
}

describe("the v1 codec", () => {
  it("writes a body that the wire schema takes, whatever is set", () => {
    const message = parseDownstreamMessage({
      target: { token: 'tok-"a"' },
      data: { n: "3", emoji: "👋" },
      notification: { title: "t", body: "b", image: "https://example.com/a.png", badge: 3, sound: { critical: 1 } },
      dryRun: true,
      analyticsLabel: "spring",
      android: {
        timeToLiveSec: 3.5,
        notification: {
          notificationPriority: "high",
          visibility: "public",
          proxy: "if-priority-lowered",
          vibrateTimingsMs: [0, 250],
          lightSettings: { color: "#ff000080", lightOnDurationMs: 1500, lightOffDurationMs: 0 },
        },
      },
    });
    const body = createFcmV1Encoder(message, () => NOW).bodyFor({ token: 'tok-"a"' });
    const request = FcmV1SendRequestSchema.parse(JSON.parse(body ?? ""));
    expect(request.validate_only).toBe(true);
    expect(request.message.token).toBe('tok-"a"');
    expect(request.message.android?.ttl).toBe("3.5s");
    expect(request.message.android?.notification).toMatchObject({
      notification_priority: "PRIORITY_HIGH",
      visibility: "PUBLIC",
      proxy: "IF_PRIORITY_LOWERED",
      vibrate_timings: ["0s", "0.25s"],
      light_settings: { color: { red: 1, green: 0, blue: 0, alpha: 128 / 255 }, light_on_duration: "1.5s" },
    });
    expect(request.message.android?.notification?.sound).toBeUndefined();
    expect(request.message.apns?.payload?.["aps"]).toEqual({ badge: 3, sound: { critical: 1 }, "mutable-content": 1 });
  });

  it("states the priority that GCM would have taken", () => {
    expect(encode({ data: { n: "1" } }).android?.priority).toBe("NORMAL");
    expect(encode({ notification: { title: "t" } }).android?.priority).toBe("HIGH");
    expect(encode({ notification: { title: "t" }, priority: "normal" })).toMatchObject({
      android: { priority: "NORMAL" },
      apns: { headers: { "apns-priority": "5" } },
      webpush: { headers: { Urgency: "normal" } },
    });
  });

  it("states a high one where only a platform's own block makes it a notification, and there alone", () => {
    const priorities = (message: object): unknown[] => {
      const { android, apns, webpush } = encode(message);
      return [android?.priority, apns?.headers?.["apns-priority"], webpush?.headers?.["Urgency"]];
    };
    expect(priorities({ android: { notification: { title: "t" } } })).toEqual(["HIGH", "5", "normal"]);
    expect(priorities({ apns: { payload: { aps: { alert: "t" } } } })).toEqual(["NORMAL", "10", "normal"]);
    expect(priorities({ webpush: { notification: { title: "t" } } })).toEqual(["NORMAL", "5", "high"]);
    expect(priorities({ apns: { payload: { aps: { "content-available": 1 } } } })).toEqual(["NORMAL", "5", "normal"]);
    expect(priorities({ priority: "normal", android: { notification: { title: "t" } } })).toEqual([
      "NORMAL",
      "5",
      "normal",
    ]);
  });

  it.each([0, 1, 108, 2_419_200])("turns a time to live of %i into what each platform reads", (timeToLiveSec) => {
    expect(encode({ timeToLiveSec })).toMatchObject({
      android: { ttl: `${timeToLiveSec}s` },
      apns: { headers: { "apns-expiration": timeToLiveSec === 0 ? "0" : String(NOW / 1000 + timeToLiveSec) } },
      webpush: { headers: { TTL: String(timeToLiveSec) } },
    });
  });

  it("lets the platform's own block win over the general field, header names without regard to case", () => {
    const message = encode({
      collapseKey: "inbox",
      priority: "high",
      notification: { title: "t", subtitle: "s", clickAction: "https://example.com/a", icon: "ic_mail" },
      android: { collapseKey: "mine", priority: "normal", notification: { title: "for Android", icon: "ic_own" } },
      apns: { headers: { "APNS-Priority": "1" }, payload: { aps: { alert: "whole" }, mine: 1 } },
      webpush: { headers: { urgency: "low" }, link: "https://example.com/b" },
    });
    expect(message.android).toEqual({
      collapse_key: "mine",
      priority: "NORMAL",
      notification: { click_action: "https://example.com/a", icon: "ic_own", title: "for Android" },
    });
    expect(message.apns).toEqual({
      headers: { "APNS-Priority": "1", "apns-collapse-id": "inbox" },
      payload: { aps: { alert: "whole", category: "https://example.com/a" }, mine: 1 },
    });
    expect(message.webpush).toEqual({
      headers: { urgency: "low", Topic: "inbox" },
      fcm_options: { link: "https://example.com/b" },
    });
  });

  it("keeps title and body in an alert that it has to write", () => {
    const aps = encode({ notification: { title: "t", body: "b", bodyLocKey: "k", bodyLocArgs: ["1"] } }).apns?.payload;
    expect(aps).toEqual({ aps: { alert: { title: "t", body: "b", "loc-key": "k", "loc-args": ["1"] } } });
  });

  it("gives a collapse key that a platform would refuse a short form, always the same", () => {
    const long = "k".repeat(65);
    const first = encode({ collapseKey: long });
    expect(first.apns?.headers?.["apns-collapse-id"]).toMatch(/^[\w-]{32}$/);
    expect(first.webpush?.headers?.["Topic"]).toMatch(/^[\w-]{32}$/);
    expect(encode({ collapseKey: long })).toEqual(first);
    expect(first.android?.collapse_key).toBe(long);
    expect(encode({ collapseKey: "new mail" }).webpush?.headers?.["Topic"]).toMatch(/^[\w-]{32}$/);
    expect(encode({ collapseKey: "new mail" }).apns?.headers?.["apns-collapse-id"]).toBe("new mail");
  });

  it("sends an icon that is an address to browsers and a drawable's name to Android", () => {
    const web = encode({ notification: { icon: "https://example.com/i.png" } });
    expect(web.webpush?.notification).toEqual({ icon: "https://example.com/i.png" });
    expect(web.android?.notification).toBeUndefined();
    const drawable = encode({ notification: { icon: "ic_mail" } });
    expect(drawable.android?.notification).toEqual({ icon: "ic_mail" });
    expect(drawable.webpush?.notification).toBeUndefined();
  });

  it.each([
    [{ token: "tok-a" }, [{ token: "tok-a" }]],
    [{ tokens: ["tok-a", FID, "tok-a"] }, [{ token: "tok-a" }, { fid: FID }, { token: "tok-a" }]],
    [{ fid: FID }, [{ fid: FID }]],
    [{ topic: "/topics/news" }, [{ topic: "news" }]],
    [{ condition: "'a' in topics" }, [{ condition: "'a' in topics" }]],
    [{ notificationKey: "APA91-key", notificationKeyName: "user-7" }, [{ token: "APA91-key" }]],
  ])("addresses %j", (target, expected) => {
    expect(addressesOf(parseDownstreamMessage({ target }).target)).toEqual(expected);
  });

  it("names every field that v1 has no word for", () => {
    const message = parseDownstreamMessage({
      target: { notificationKey: "key", notificationKeyName: "name" },
      delayWhileIdle: true,
      deliveryReceiptRequested: true,
      messageId: "m-1",
    });
    expect(withoutV1Meaning(message).map(({ field }) => field)).toEqual([
      "delayWhileIdle",
      "deliveryReceiptRequested",
      "messageId",
      "target.notificationKeyName",
    ]);
  });
});

import type { MessageContent } from "@cloud-messaging/core";
import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { encodeApns } from "./codec-apns.ts";

const encode = (content: MessageContent) =>
  encodeApns(parseDownstreamMessage({ target: { token: "tok-a" }, ...content }), 0);
const aps = (fields: Record<string, string | number | null | object>, headers?: Record<string, string>) =>
  ({ apns: { payload: { aps: fields }, ...(headers === undefined ? {} : { headers }) } }) as MessageContent;

describe("the priority that an Apple device is sent with", () => {
  it.each<[string, MessageContent, string | undefined]>([
    ["data", { data: { n: "1" } }, "5"],
    ["data of high priority", { data: { n: "1" }, priority: "high" }, "5"],
    ["data and contentAvailable of high priority", { data: { n: "1" }, contentAvailable: true, priority: "high" }, "5"],
    ["data and mutableContent of high priority", { mutableContent: true, priority: "high" }, "5"],
    ["nothing", {}, "5"],
    ["a notification", { notification: { title: "t" } }, "10"],
    ["a notification of normal priority", { notification: { body: "b" }, priority: "normal" }, "5"],
    ["a notification with texts by key only", { notification: { bodyLocKey: "k" } }, "10"],
    ["a notification with a badge only", { notification: { badge: 0 } }, "10"],
    ["a notification with a sound only", { notification: { sound: "default" } }, "10"],
    ["a notification of which Apple shows nothing", { notification: { icon: "i", tag: "t", title: "" } }, "5"],
    [
      "a notification for Android only, of high priority",
      { android: { notification: { title: "t" } }, priority: "high" },
      "5",
    ],
    ["a notification for browsers only", { webpush: { notification: { title: "t" } }, priority: "high" }, "5"],
    ["its own alert beside data", { data: { n: "1" }, ...aps({ alert: "x" }) }, "10"],
    ["its own alert of normal priority", { priority: "normal", ...aps({ alert: { title: "x" } }) }, "5"],
    ["its own badge", aps({ badge: 3 }), "10"],
    ["its own sound", aps({ sound: "default" }), "10"],
    ["its own alert, which is empty", { priority: "high", ...aps({ alert: "" }) }, "5"],
    ["its own alert, which is null", { priority: "high", ...aps({ alert: null, sound: {} }) }, "5"],
    ["its own content-available beside an alert", aps({ alert: "x", "content-available": 1 }), "10"],
    ["a push type of alert", { priority: "high", ...aps({ alert: "x" }, { "apns-push-type": "alert" }) }, "10"],
    ["a push type of alert and nothing to show", { priority: "high", ...aps({}, { "apns-push-type": "alert" }) }, "5"],
    [
      "a push type of background",
      { priority: "high", ...aps({ alert: "x" }, { "apns-push-type": "background" }) },
      "5",
    ],
    ["a call", { priority: "high", ...aps({}, { "apns-push-type": "voip" }) }, undefined],
    ["a call, its header in capitals", { priority: "normal", ...aps({}, { "APNS-Push-Type": "VoIP" }) }, undefined],
    ["a location query", aps({}, { "apns-push-type": "location" }), undefined],
    ["a Live Activity by its push type", aps({ alert: "x" }, { "apns-push-type": "liveactivity" }), undefined],
    ["a Live Activity by its token", { apns: { liveActivityToken: "lat" }, priority: "high" }, undefined],
    [
      "a Live Activity with an alert",
      { apns: { liveActivityToken: "lat", payload: { aps: { alert: "x" } } } },
      undefined,
    ],
  ])("%s", (_name, message, priority) => {
    expect(encode(message).headers?.["apns-priority"]).toBe(priority);
  });

  it.each<[string, MessageContent]>([
    ["data", { data: { n: "1" }, apns: { headers: { "APNS-Priority": "10" } } }],
    ["a call", aps({}, { "apns-push-type": "voip", "Apns-Priority": "1" })],
    ["a notification", { notification: { title: "t" }, apns: { headers: { "apns-PRIORITY": "1" } } }],
  ])("of %s is the caller's own header where there is one", (_name, message) => {
    const names = Object.keys(encode(message).headers ?? {}).filter((name) => /^apns-priority$/i.test(name));
    expect(names).toEqual(Object.keys(message.apns?.headers ?? {}).filter((name) => /priority/i.test(name)));
  });

  it.each<[string, MessageContent, string | undefined]>([
    ["contentAvailable", { data: { n: "1" }, contentAvailable: true }, "background"],
    ["its own content-available", aps({ "content-available": 1 }), "background"],
    [
      "content-available that the message's block takes back",
      { contentAvailable: true, ...aps({ "content-available": 0 }) },
      undefined,
    ],
    ["content-available beside an alert", { contentAvailable: true, ...aps({ alert: "x" }) }, undefined],
    ["content-available beside a notification", { contentAvailable: true, notification: { title: "t" } }, undefined],
    ["data", { data: { n: "1" } }, undefined],
    ["a Live Activity", { contentAvailable: true, apns: { liveActivityToken: "lat" } }, undefined],
  ])("comes with the push type of a background push or with none: %s", (_name, message, pushType) => {
    expect(encode(message).headers?.["apns-push-type"]).toBe(pushType);
  });

  it("leaves the push type to the caller, however the header is written", () => {
    const { headers } = encode({ contentAvailable: true, apns: { headers: { "Apns-Push-Type": "alert" } } });
    expect(headers).toEqual({ "apns-priority": "5", "Apns-Push-Type": "alert" });
  });

  it("leaves out the headers where there is nothing to say in them", () => {
    expect(encode({ apns: { liveActivityToken: "lat" } })).toEqual({ live_activity_token: "lat" });
  });
});

describe("a notification's picture", () => {
  const image = "https://example.com/a.png";

  it("reaches Apple devices, with the mark that lets the app fetch it", () => {
    expect(encode({ notification: { title: "t", image } })).toEqual({
      headers: { "apns-priority": "10" },
      payload: { aps: { "mutable-content": 1 } },
      fcm_options: { image },
    });
  });

  it("is the block's own where there is one, and goes unmarked where the caller says so", () => {
    const own = "https://example.com/b.png";
    expect(encode({ notification: { title: "t", image }, apns: { image: own } }).fcm_options).toEqual({ image: own });
    expect(encode({ apns: { image: own } }).payload).toEqual({ aps: { "mutable-content": 1 } });
    expect(encode({ notification: { image }, mutableContent: false }).payload).toBeUndefined();
    const back = encode({ notification: { image }, ...aps({ "mutable-content": 0 }) });
    expect(back.payload).toEqual({ aps: { "mutable-content": 0 } });
  });
});

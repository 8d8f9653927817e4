import type { MessageContent } from "@cloud-messaging/core";
import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { hasOtherFault } from "./other-faults.ts";

const other = (content: MessageContent): boolean =>
  hasOtherFault(parseDownstreamMessage({ target: { token: "tok-a" }, ...content }));

describe("a refusal in the words of a bad token", () => {
  it.each<[string, MessageContent]>([
    ["nothing", {}],
    ["data of high priority", { data: { n: "1" }, priority: "high", collapseKey: "k", timeToLiveSec: 60 }],
    ["a background push of our own making", { data: { n: "1" }, contentAvailable: true }],
    ["a notification", { notification: { title: "t", body: "b", badge: 1, sound: "default", clickAction: "OPEN" } }],
    [
      "an android block",
      { android: { priority: "high", notification: { title: "t", channelId: "c" }, data: { n: "1" } } },
    ],
    [
      "labels",
      { analyticsLabel: "l", apns: { analyticsLabel: "l" }, webpush: { analyticsLabel: "l", data: { n: "1" } } },
    ],
    ["a payload that fits everywhere", { data: { n: "x".repeat(3_000) } }],
  ])("can only be about the token where the message holds %s", (_name, message) => {
    expect(other(message)).toBe(false);
  });

  it.each<[string, MessageContent]>([
    ["APNs headers", { apns: { headers: { "apns-priority": "10" } } }],
    ["an APNs payload", { apns: { payload: { aps: { alert: "x" } } } }],
    ["a Live Activity's token", { apns: { liveActivityToken: "lat" } }],
    ["a sound in Apple's own form", { notification: { sound: { critical: 1 } } }],
    ["web push headers", { webpush: { headers: { TTL: "soon" } } }],
    ["a web notification", { webpush: { notification: { title: "t" } } }],
    ["a web link", { webpush: { link: "https://[" } }],
    ["a package", { restrictedPackageName: "com.example.other" }],
    ["a package for Android", { android: { restrictedPackageName: "com.example.other" } }],
    ["androidV2", { androidV2: { backgroundSync: {} } }],
    ["a payload near the limit", { data: { n: "x".repeat(3_800) } }],
    ["a notification near the limit", { notification: { body: "ж".repeat(1_900) } }],
    ["much for Android", { android: { data: { n: "x".repeat(3_800) } } }],
  ])("may be about something else where the message holds %s", (_name, message) => {
    expect(other(message)).toBe(true);
  });
});

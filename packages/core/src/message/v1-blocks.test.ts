import { describe, expect, it } from "vitest";
import { InvalidMessageError } from "../errors.ts";
import { toSnakeCaseFields } from "../wire/fcm-v1.ts";
import { parseDownstreamMessage, refuseV1Only } from "./downstream.ts";
import { fidProblem, isFid, isTokenOfInstallation } from "./fid.ts";
import { recipientsOf, tokensOf } from "./target.ts";

const FID = "cTEST0123456789abcdefg";

function problemsOf(run: () => unknown): readonly { path: string; problem: string }[] {
  try {
    run();
  } catch (error) {
    if (error instanceof InvalidMessageError) return error.problems;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("the blocks of FCM HTTP v1", () => {
  it("are taken with every documented field", () => {
    const message = parseDownstreamMessage({
      target: { token: "tok-a" },
      android: {
        collapseKey: "inbox",
        priority: "high",
        timeToLiveSec: 3.5,
        restrictedPackageName: "com.example.app",
        data: { n: "3" },
        analyticsLabel: "spring",
        directBootOk: true,
        bandwidthConstrainedOk: true,
        restrictedSatelliteOk: false,
        notification: {
          title: "t",
          body: "b",
          icon: "i",
          color: "#00ff00",
          sound: "default",
          tag: "x",
          clickAction: "OPEN",
          bodyLocKey: "bk",
          bodyLocArgs: ["1"],
          titleLocKey: "tk",
          titleLocArgs: ["2"],
          channelId: "news",
          ticker: "tick",
          sticky: true,
          eventTime: "2026-11-22T09:30:00+01:00",
          localOnly: true,
          notificationPriority: "max",
          defaultSound: true,
          defaultVibrateTimings: true,
          defaultLightSettings: false,
          vibrateTimingsMs: [0, 200],
          visibility: "secret",
          notificationCount: 4,
          lightSettings: { color: "#ff000080", lightOnDurationMs: 250, lightOffDurationMs: 750 },
          image: "https://example.com/a.png",
          proxy: "if-priority-lowered",
          bypassProxyNotification: true,
        },
      },
      apns: {
        headers: { "apns-push-type": "alert" },
        payload: { aps: { badge: 3, alert: { title: "t" } }, mine: { deep: [1, null] } },
        analyticsLabel: "spring",
        image: "https://example.com/a.png",
        liveActivityToken: "lat",
      },
      webpush: {
        headers: { Urgency: "high" },
        data: { n: "3" },
        notification: { title: "t", actions: [{ action: "a" }] },
        link: "https://example.com/",
        analyticsLabel: "spring",
      },
    });
    expect(message.android?.notification?.vibrateTimingsMs).toEqual([0, 200]);
    expect(message.apns?.payload?.["mine"]).toEqual({ deep: [1, null] });
  });

  it("take androidV2 in the place of android, as a notification or as a message that only wakes the app", () => {
    const common = {
      collapseKey: "inbox",
      timeToLiveSec: 3.5,
      restrictedPackageName: "com.example.app",
      data: { n: "3" },
      analyticsLabel: "spring",
      directBootOk: true,
      bandwidthConstrainedOk: true,
      restrictedSatelliteOk: false,
    };
    const remoteNotification = {
      notification: { id: -2_147_483_648, title: "t", bypassProxyNotification: false },
      mutableContent: true,
      useAsV1DataMessage: false,
    };
    for (const androidV2 of [
      { ...common, remoteNotification },
      { ...common, backgroundSync: {} },
    ]) {
      expect(parseDownstreamMessage({ target: { token: "tok-a" }, androidV2 }).androidV2).toEqual(androidV2);
    }
  });

  it.each([
    [{ androidV2: {} }, "androidV2", "exactly one"],
    [{ androidV2: { remoteNotification: { notification: {} }, backgroundSync: {} } }, "androidV2", "exactly one"],
    [{ androidV2: { backgroundSync: {} }, android: {} }, "androidV2", "cannot stand beside android"],
    [{ androidV2: { backgroundSync: {}, priority: "high" } }, "androidV2.priority", "is not a field"],
    [{ androidV2: { backgroundSync: { now: true } } }, "androidV2.backgroundSync.now", "is not a field"],
    [{ androidV2: { remoteNotification: {} } }, "androidV2.remoteNotification.notification", "must be an object"],
    [
      { androidV2: { remoteNotification: { notification: { id: 2 ** 31 } } } },
      "androidV2.remoteNotification.notification.id",
      "at most 2147483647",
    ],
    [
      { androidV2: { remoteNotification: { notification: { titleLocArgs: ["1"] } } } },
      "androidV2.remoteNotification.notification.titleLocArgs",
      "needs titleLocKey",
    ],
    [{ androidV2: { backgroundSync: {}, data: { n: "x".repeat(4096) } } }, "androidV2.data", "at most 4096"],
    [{ android_v2: {} }, "android_v2", "androidV2"],
  ])("refuse %j in words", (content, path, words) => {
    const problems = problemsOf(() => parseDownstreamMessage({ target: { token: "tok-a" }, ...content }));
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.problem).toContain(words);
  });

  it.each([
    [{ android: { timeToLiveSec: 2_419_201 } }, "android.timeToLiveSec"],
    [{ android: { data: { google_x: "1" } } }, "android.data.google_x"],
    [{ android: { data: { n: 1 } } }, "android.data.n"],
    [{ android: { data: { n: "x".repeat(4096) } } }, "android.data"],
    [{ webpush: { data: { n: "x".repeat(4096) } } }, "webpush.data"],
    [{ android: { notification: { color: "green" } } }, "android.notification.color"],
    [{ android: { notification: { bodyLocArgs: ["1"] } } }, "android.notification.bodyLocArgs"],
    [{ android: { notification: { eventTime: "yesterday" } } }, "android.notification.eventTime"],
    [{ android: { notification: { eventTime: "2026-11-22T09:30Z" } } }, "android.notification.eventTime"],
    [{ android: { notification: { eventTime: "2026-11-22T09:30:00.1234567890Z" } } }, "android.notification.eventTime"],
    [{ android: { ttl: "3s" } }, "android.ttl"],
    [{ apns: { headers: { "apns-priority": 10 } } }, "apns.headers.apns-priority"],
    [{ webpush: { link: "http://example.com" } }, "webpush.link"],
    [{ notification: { image: "pic.png" } }, "notification.image"],
  ])("refuses %j and names the field", (content, path) => {
    const problems = problemsOf(() => parseDownstreamMessage({ target: { token: "tok-a" }, ...content }));
    expect(problems.map((problem) => problem.path)).toEqual([path]);
  });

  it("are refused, like a fid, where only GCM is spoken", () => {
    const message = parseDownstreamMessage({ target: { fid: FID }, android: {}, apns: {}, webpush: {} });
    const problems = problemsOf(() => refuseV1Only(message, "CCS"));
    expect(problems.map(({ path }) => path)).toEqual(["target.fid", "android", "apns", "webpush"]);
    const newer = parseDownstreamMessage({ target: { token: "tok-a" }, androidV2: { backgroundSync: {} } });
    expect(problemsOf(() => refuseV1Only(newer, "GCM HTTP"))).toMatchObject([{ path: "androidV2" }]);
    expect(problems[0]?.problem).toContain("CCS");
    expect(() => refuseV1Only(parseDownstreamMessage({ target: { token: "tok-a" } }), "CCS")).not.toThrow();
  });
});

describe("a Firebase Installation ID", () => {
  it("is a target with one recipient", () => {
    const { target } = parseDownstreamMessage({ target: { fid: FID } });
    expect(recipientsOf(target)).toEqual([FID]);
    expect(tokensOf(target)).toEqual([FID]);
  });

  it.each([
    ["", false],
    [FID, true],
    [`g${FID.slice(1)}`, false],
    [FID.slice(1), false],
    [`${FID}a`, false],
    [`${FID}:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx`, false],
  ])("is told by its shape: %s is %s", (value, expected) => {
    expect(isFid(value)).toBe(expected);
    expect(fidProblem(value) === undefined).toBe(expected);
  });

  it("is not made up from a token: a token as fid is refused with a word on why", () => {
    const problems = problemsOf(() => parseDownstreamMessage({ target: { fid: `${FID}:APA91b` } }));
    expect(problems[0]?.path).toBe("target.fid");
    expect(problems[0]?.problem).toContain("is a registration token");
  });

  it("finds the tokens of its installation and no others", () => {
    expect(isTokenOfInstallation(`${FID}:APA91b`, FID)).toBe(true);
    expect(isTokenOfInstallation(`${FID}x:APA91b`, FID)).toBe(false);
    expect(isTokenOfInstallation(FID, FID)).toBe(false);
    expect(isTokenOfInstallation("tok-a", FID)).toBe(false);
  });
});

describe("a v1 request in camelCase", () => {
  it("becomes snake_case, but for what is the sender's own", () => {
    const request = {
      validateOnly: true,
      message: {
        android: { collapseKey: "a", notification: { bodyLocArgs: ["fooBar"] }, data: { camelKey: "v" } },
        androidV2: {
          remoteNotification: { useAsV1DataMessage: true, notification: { bypassProxyNotification: true } },
        },
        apns: { headers: { "X-Y": "z" }, payload: { aps: { mutableContent: 1 } }, fcmOptions: { analyticsLabel: "l" } },
        webpush: { notification: { requireInteraction: true } },
        fcmOptions: { analyticsLabel: "l" },
      },
    };
    expect(toSnakeCaseFields(request)).toEqual({
      validate_only: true,
      message: {
        android: { collapse_key: "a", notification: { body_loc_args: ["fooBar"] }, data: { camelKey: "v" } },
        android_v2: {
          remote_notification: { use_as_v1_data_message: true, notification: { bypass_proxy_notification: true } },
        },
        apns: {
          headers: { "X-Y": "z" },
          payload: { aps: { mutableContent: 1 } },
          fcm_options: { analytics_label: "l" },
        },
        webpush: { notification: { requireInteraction: true } },
        fcm_options: { analytics_label: "l" },
      },
    });
  });
});

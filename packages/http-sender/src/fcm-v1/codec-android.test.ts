import type { MessageContent } from "@cloud-messaging/core";
import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import { FcmV1MessageSchema } from "@cloud-messaging/core/wire";
import { describe, expect, it } from "vitest";
import { encodeFcmV1Content } from "./codec.ts";

const encode = (content: MessageContent) => {
  const written = encodeFcmV1Content(parseDownstreamMessage({ target: { token: "tok-a" }, ...content }), 0);
  expect(FcmV1MessageSchema.parse(written)).toEqual(written);
  return written;
};

describe("the android_v2 block", () => {
  it("stands in the place of android, with the general fields in it and no priority", () => {
    const message = encode({
      collapseKey: "inbox",
      timeToLiveSec: 60,
      restrictedPackageName: "com.example.app",
      priority: "high",
      notification: { title: "t", tag: "general", color: "#00ff00" },
      androidV2: {
        data: { n: "3" },
        analyticsLabel: "spring",
        directBootOk: true,
        bandwidthConstrainedOk: false,
        restrictedSatelliteOk: true,
        remoteNotification: {
          notification: { id: 42, tag: "own", notificationPriority: "max", vibrateTimingsMs: [0, 250] },
          mutableContent: true,
          useAsV1DataMessage: true,
        },
      },
    });
    expect(message.android).toBeUndefined();
    expect(message.notification).toEqual({ title: "t" });
    expect(message.android_v2).toEqual({
      collapse_key: "inbox",
      ttl: "60s",
      restricted_package_name: "com.example.app",
      data: { n: "3" },
      fcm_options: { analytics_label: "spring" },
      direct_boot_ok: true,
      bandwidth_constrained_ok: false,
      restricted_satellite_ok: true,
      remote_notification: {
        notification: {
          id: 42,
          tag: "own",
          color: "#00ff00",
          notification_priority: "PRIORITY_MAX",
          vibrate_timings: ["0s", "0.25s"],
        },
        mutable_content: true,
        use_as_v1_data_message: true,
      },
    });
  });

  it("says of a message that only wakes the app nothing but that", () => {
    expect(encode({ androidV2: { backgroundSync: {}, timeToLiveSec: 0 } }).android_v2).toEqual({
      ttl: "0s",
      background_sync: {},
    });
  });

  it("keeps a notification that says nothing", () => {
    const { android_v2: block } = encode({ androidV2: { remoteNotification: { notification: { id: 0 } } } });
    expect(block).toEqual({ remote_notification: { notification: { id: 0 } } });
    expect(encode({ androidV2: { remoteNotification: { notification: {} } } }).android_v2).toEqual({
      remote_notification: { notification: {} },
    });
  });
});

describe("the android block", () => {
  it("lets the app show what the system would show in its place", () => {
    const { android } = encode({ android: { notification: { bypassProxyNotification: true } } });
    expect(android?.notification).toEqual({ bypass_proxy_notification: true });
  });
});

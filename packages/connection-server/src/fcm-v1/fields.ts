import type { ProtoMessage, ProtoType } from "./proto-json.ts";

const string = { kind: "string" } as const;
const bool = { kind: "bool" } as const;
const int32 = { kind: "int32" } as const;
const float = { kind: "float" } as const;
const duration = { kind: "duration" } as const;
const timestamp = { kind: "timestamp" } as const;
const struct = { kind: "struct" } as const;
const map = { kind: "map" } as const;
const list = (of: ProtoType): ProtoType => ({ kind: "list", of });
const oneOf = (name: string, values: readonly string[]): ProtoType => ({ kind: "enum", name, values });
const message = (name: string, fields: ProtoMessage["fields"], oneofs: ProtoMessage["oneofs"] = {}): ProtoMessage => ({
  kind: "message",
  name,
  fields,
  oneofs,
});

const ANDROID_NOTIFICATION = {
  title: string,
  body: string,
  icon: string,
  color: string,
  sound: string,
  tag: string,
  click_action: string,
  body_loc_key: string,
  body_loc_args: list(string),
  title_loc_key: string,
  title_loc_args: list(string),
  channel_id: string,
  ticker: string,
  sticky: bool,
  event_time: timestamp,
  local_only: bool,
  notification_priority: oneOf("AndroidNotification.NotificationPriority", [
    "PRIORITY_UNSPECIFIED",
    "PRIORITY_MIN",
    "PRIORITY_LOW",
    "PRIORITY_DEFAULT",
    "PRIORITY_HIGH",
    "PRIORITY_MAX",
  ]),
  default_sound: bool,
  default_vibrate_timings: bool,
  default_light_settings: bool,
  vibrate_timings: list(duration),
  visibility: oneOf("AndroidNotification.Visibility", ["VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"]),
  notification_count: int32,
  light_settings: message("LightSettings", {
    color: message("Color", { red: float, green: float, blue: float, alpha: float }),
    light_on_duration: duration,
    light_off_duration: duration,
  }),
  image: string,
  bypass_proxy_notification: bool,
  proxy: oneOf("AndroidNotification.Proxy", ["PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"]),
};

/** Fields shared by `android` and `android_v2`. */
const ANDROID_BOTH = {
  collapse_key: string,
  ttl: duration,
  restricted_package_name: string,
  data: map,
  fcm_options: message("AndroidFcmOptions", { analytics_label: string }),
  direct_boot_ok: bool,
  bandwidth_constrained_ok: bool,
  restricted_satellite_ok: bool,
};

const MESSAGE = message(
  "Message",
  {
    // output only: ignored when read
    name: string,
    token: string,
    fid: string,
    topic: string,
    condition: string,
    data: map,
    notification: message("Notification", { title: string, body: string, image: string }),
    android: message("AndroidConfig", {
      ...ANDROID_BOTH,
      priority: oneOf("AndroidConfig.AndroidMessagePriority", ["NORMAL", "HIGH"]),
      notification: message("AndroidNotification", ANDROID_NOTIFICATION),
    }),
    android_v2: message(
      "AndroidConfigV2",
      {
        ...ANDROID_BOTH,
        remote_notification: message("RemoteNotification", {
          notification: message("AndroidNotificationV2", { ...ANDROID_NOTIFICATION, id: int32 }),
          mutable_content: bool,
          use_as_v1_data_message: bool,
        }),
        background_sync: message("BackgroundSync", {}),
      },
      { type: ["remote_notification", "background_sync"] },
    ),
    apns: message("ApnsConfig", {
      headers: map,
      payload: struct,
      fcm_options: message("ApnsFcmOptions", { analytics_label: string, image: string }),
      live_activity_token: string,
    }),
    webpush: message("WebpushConfig", {
      headers: map,
      data: map,
      notification: struct,
      fcm_options: message("WebpushFcmOptions", { link: string, analytics_label: string }),
    }),
    fcm_options: message("FcmOptions", { analytics_label: string }),
  },
  { target: ["token", "fid", "topic", "condition"] },
);

/** `SendMessageRequest` of FCM HTTP v1, every field by its type. Source: docs/protocol/fcm-v1.md#message */
export const SEND_REQUEST: ProtoMessage = message("SendMessageRequest", { message: MESSAGE, validate_only: bool });

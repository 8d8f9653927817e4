import { recordOf } from "../message/json.ts";
import * as z from "../zod.ts";

// Google's front end reads a duration with up to nine decimals
const DurationSchema = z.string().regex(/^\d+(\.\d{1,9})?s$/, 'must be a duration: "3.5s"');
const StringMapSchema = recordOf(z.string());
/** proto3 JSON reads an enum in either case. */
const upper = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.preprocess((value) => (typeof value === "string" ? value.toUpperCase() : value), z.enum(values));

const ColorSchema = z.strictObject({
  red: z.number().optional(),
  green: z.number().optional(),
  blue: z.number().optional(),
  alpha: z.number().optional(),
});

/** `message.android.notification`. Source: docs/protocol/fcm-v1.md#message */
export const FcmV1AndroidNotificationSchema = z.strictObject({
  title: z.string().optional(),
  body: z.string().optional(),
  icon: z.string().optional(),
  color: z.string().optional(),
  sound: z.string().optional(),
  tag: z.string().optional(),
  click_action: z.string().optional(),
  body_loc_key: z.string().optional(),
  body_loc_args: z.array(z.string()).readonly().optional(),
  title_loc_key: z.string().optional(),
  title_loc_args: z.array(z.string()).readonly().optional(),
  channel_id: z.string().optional(),
  ticker: z.string().optional(),
  sticky: z.boolean().optional(),
  event_time: z.string().optional(),
  local_only: z.boolean().optional(),
  notification_priority: upper([
    "PRIORITY_UNSPECIFIED",
    "PRIORITY_MIN",
    "PRIORITY_LOW",
    "PRIORITY_DEFAULT",
    "PRIORITY_HIGH",
    "PRIORITY_MAX",
  ]).optional(),
  default_sound: z.boolean().optional(),
  default_vibrate_timings: z.boolean().optional(),
  default_light_settings: z.boolean().optional(),
  vibrate_timings: z.array(DurationSchema).optional(),
  visibility: upper(["VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"]).optional(),
  notification_count: z.int().optional(),
  light_settings: z
    .strictObject({
      color: ColorSchema,
      light_on_duration: DurationSchema,
      light_off_duration: DurationSchema,
    })
    .optional(),
  image: z.string().optional(),
  bypass_proxy_notification: z.boolean().optional(),
  proxy: upper(["PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"]).optional(),
});
/** Type of `FcmV1AndroidNotificationSchema`. */
export type FcmV1AndroidNotification = z.output<typeof FcmV1AndroidNotificationSchema>;

const LabelOptionsSchema = z.strictObject({ analytics_label: z.string().optional() });

/** `message.android`. */
export const FcmV1AndroidSchema = z.strictObject({
  collapse_key: z.string().optional(),
  priority: upper(["NORMAL", "HIGH"]).optional(),
  ttl: DurationSchema.optional(),
  restricted_package_name: z.string().optional(),
  data: StringMapSchema.optional(),
  notification: FcmV1AndroidNotificationSchema.optional(),
  fcm_options: LabelOptionsSchema.optional(),
  direct_boot_ok: z.boolean().optional(),
  bandwidth_constrained_ok: z.boolean().optional(),
  restricted_satellite_ok: z.boolean().optional(),
});
/** Type of `FcmV1AndroidSchema`. */
export type FcmV1Android = z.output<typeof FcmV1AndroidSchema>;

/** `message.android_v2.remote_notification.notification`. Source: docs/protocol/fcm-v1.md#android-v2 */
export const FcmV1AndroidV2NotificationSchema = FcmV1AndroidNotificationSchema.extend({ id: z.int32().optional() });
/** Type of `FcmV1AndroidV2NotificationSchema`. */
export type FcmV1AndroidV2Notification = z.output<typeof FcmV1AndroidV2NotificationSchema>;

/** `message.android_v2`, which takes the place of `message.android`. Exactly one of its two kinds, which is checked apart from the shape. */
export const FcmV1AndroidV2Schema = FcmV1AndroidSchema.omit({ priority: true, notification: true }).extend({
  remote_notification: z
    .strictObject({
      notification: FcmV1AndroidV2NotificationSchema,
      mutable_content: z.boolean().optional(),
      use_as_v1_data_message: z.boolean().optional(),
    })
    .optional(),
  background_sync: z.strictObject({}).optional(),
});
/** Type of `FcmV1AndroidV2Schema`. */
export type FcmV1AndroidV2 = z.output<typeof FcmV1AndroidV2Schema>;

/** `message.apns`. The payload is Apple's business. */
export const FcmV1ApnsSchema = z.strictObject({
  headers: StringMapSchema.optional(),
  payload: recordOf(z.unknown()).optional(),
  fcm_options: z.strictObject({ analytics_label: z.string().optional(), image: z.string().optional() }).optional(),
  live_activity_token: z.string().optional(),
});
/** Type of `FcmV1ApnsSchema`. */
export type FcmV1Apns = z.output<typeof FcmV1ApnsSchema>;

/** `message.webpush`. The notification is the browser's business. */
export const FcmV1WebpushSchema = z.strictObject({
  headers: StringMapSchema.optional(),
  data: StringMapSchema.optional(),
  notification: recordOf(z.unknown()).optional(),
  fcm_options: z.strictObject({ link: z.string().optional(), analytics_label: z.string().optional() }).optional(),
});
/** Type of `FcmV1WebpushSchema`. */
export type FcmV1Webpush = z.output<typeof FcmV1WebpushSchema>;

/** `message`: exactly one of `token`, `fid`, `topic` and `condition`, which is checked apart from the shape. */
export const FcmV1MessageSchema = z.strictObject({
  /** Output only: what the service sets it ignores when read. */
  name: z.string().optional(),
  token: z.string().optional(),
  fid: z.string().optional(),
  topic: z.string().optional(),
  condition: z.string().optional(),
  data: StringMapSchema.optional(),
  notification: z
    .strictObject({ title: z.string().optional(), body: z.string().optional(), image: z.string().optional() })
    .optional(),
  android: FcmV1AndroidSchema.optional(),
  android_v2: FcmV1AndroidV2Schema.optional(),
  apns: FcmV1ApnsSchema.optional(),
  webpush: FcmV1WebpushSchema.optional(),
  fcm_options: LabelOptionsSchema.optional(),
});
/** Type of `FcmV1MessageSchema`. */
export type FcmV1Message = z.output<typeof FcmV1MessageSchema>;

/**
 * The body of `POST /v1/projects/{project}/messages:send`, in snake_case. A field that is not in it is an error, as it is there.
 *
 * Source: docs/protocol/fcm-v1.md#request
 */
export const FcmV1SendRequestSchema = z.strictObject({
  message: FcmV1MessageSchema,
  validate_only: z.boolean().optional(),
});
/** Type of `FcmV1SendRequestSchema`. */
export type FcmV1SendRequest = z.output<typeof FcmV1SendRequestSchema>;

/** The answer to a message that was taken. Legacy device groups were answered with an empty object. */
export const FcmV1SendResponseSchema = z.looseObject({ name: z.string().optional() });
/** Type of `FcmV1SendResponseSchema`. */
export type FcmV1SendResponse = z.output<typeof FcmV1SendResponseSchema>;

/** `@type` of the detail that holds the error code. */
export const FCM_ERROR_TYPE = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
/** `@type` of the detail that holds what APNs said. */
export const APNS_ERROR_TYPE = "type.googleapis.com/google.firebase.fcm.v1.ApnsError";
/** `@type` of the detail that names bad fields. */
export const BAD_REQUEST_TYPE = "type.googleapis.com/google.rpc.BadRequest";
/** `@type` of the detail that says which quota is used up. */
export const QUOTA_FAILURE_TYPE = "type.googleapis.com/google.rpc.QuotaFailure";

/** A field that is not what it should be counts as left out: what the others say must not be lost with it. */
const lenient = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined);
/** Likewise an element of a list, which keeps its place. */
const objects = <T extends z.ZodType>(schema: T) => z.array(schema.catch({} as never));

/** One of `error.details`. Any of Google's detail types may be among them. */
export const FcmV1ErrorDetailSchema = z.looseObject({
  "@type": lenient(z.string()),
  /** `FcmError`. */
  errorCode: lenient(z.string()),
  /** `ApnsError`: what APNs answered. */
  statusCode: lenient(z.number()),
  reason: lenient(z.string()),
  /** `BadRequest`. */
  fieldViolations: lenient(objects(z.looseObject({ field: lenient(z.string()), description: lenient(z.string()) }))),
  /** `QuotaFailure`. */
  violations: lenient(
    objects(
      z.looseObject({
        subject: lenient(z.string()),
        description: lenient(z.string()),
        quotaMetric: lenient(z.string()),
        quotaId: lenient(z.string()),
        quotaDimensions: lenient(z.record(z.string(), z.unknown())),
      }),
    ),
  ),
});
/** Type of `FcmV1ErrorDetailSchema`. */
export type FcmV1ErrorDetail = z.output<typeof FcmV1ErrorDetailSchema>;

/**
 * The body of an answer that is not 200. Some calls on the same hosts put a string where the object is.
 *
 * Source: docs/protocol/fcm-v1.md#errors
 */
export const FcmV1ErrorResponseSchema = z.looseObject({
  error: z.union([
    z.string(),
    z.looseObject({
      code: lenient(z.number()),
      message: lenient(z.string()),
      status: lenient(z.string()),
      details: lenient(objects(FcmV1ErrorDetailSchema)),
    }),
  ]),
});
/** Type of `FcmV1ErrorResponseSchema`. */
export type FcmV1ErrorResponse = z.output<typeof FcmV1ErrorResponseSchema>;

// keys under these belong to the app, to Apple or to the browser, and are left as they are
const OPAQUE = new Set(["data", "headers", "payload"]);

/**
 * The fields of a v1 request in snake_case, whichever of the two spellings of proto3 JSON they came in.
 * Maps of the sender's own (data, headers, APNs payload, web notification) are not changed.
 */
export function toSnakeCaseFields(body: unknown): unknown {
  return renameFields(body, "");
}

function renameFields(value: unknown, parent: string): unknown {
  if (Array.isArray(value)) return value.map((item) => renameFields(item, parent));
  if (typeof value !== "object" || value === null) return value;
  const renamed: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const opaque = OPAQUE.has(name) || (parent === "webpush" && name === "notification");
    Object.defineProperty(renamed, name, {
      value: opaque ? field : renameFields(field, name),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return renamed;
}

import { recordOf } from "../message/json.ts";
import * as z from "../zod.ts";

/**
 * The notification block as GCM HTTP and CCS write it.
 *
 * Source: docs/protocol/gcm-http.md#notification
 */
export const GcmNotificationSchema = z.looseObject({
  title: z.string().optional(),
  body: z.string().optional(),
  subtitle: z.string().optional(),
  image: z.string().optional(),
  icon: z.string().optional(),
  sound: z.union([z.string(), recordOf(z.unknown())]).optional(),
  /** Digits; a number is accepted too. */
  badge: z.union([z.string(), z.number()]).optional(),
  tag: z.string().optional(),
  color: z.string().optional(),
  click_action: z.string().optional(),
  android_channel_id: z.string().optional(),
  notification_count: z.union([z.string(), z.number()]).optional(),
  body_loc_key: z.string().optional(),
  /** A JSON array, as itself or written as a string: clients did both. */
  body_loc_args: z.union([z.string(), z.array(z.string())]).optional(),
  title_loc_key: z.string().optional(),
  title_loc_args: z.union([z.string(), z.array(z.string())]).optional(),
});
/** Type of `GcmNotificationSchema`. */
export type GcmNotification = z.output<typeof GcmNotificationSchema>;

/** Options that GCM HTTP and CCS share. */
export const gcmOptionShape = {
  to: z.string().optional(),
  condition: z.string().optional(),
  collapse_key: z.string().optional(),
  priority: z.string().optional(),
  content_available: z.boolean().optional(),
  mutable_content: z.boolean().optional(),
  delay_while_idle: z.boolean().optional(),
  time_to_live: z.number().optional(),
  dry_run: z.boolean().optional(),
  data: recordOf(z.unknown()).optional(),
  notification: GcmNotificationSchema.optional(),
  fcm_options: z.looseObject({ analytics_label: z.string().optional() }).optional(),
};

/**
 * A JSON request to the HTTP connection server.
 *
 * Source: docs/protocol/gcm-http.md#request
 */
export const GcmHttpRequestSchema = z.looseObject({
  ...gcmOptionShape,
  registration_ids: z.array(z.string()).optional(),
  notification_key: z.string().optional(),
  notification_key_name: z.string().optional(),
  restricted_package_name: z.string().optional(),
});
/** Type of `GcmHttpRequestSchema`. */
export type GcmHttpRequest = z.output<typeof GcmHttpRequestSchema>;

/** One entry of `results`: by position, one per recipient. */
export const GcmHttpResultSchema = z.looseObject({
  message_id: z.string().optional(),
  registration_id: z.string().optional(),
  error: z.string().optional(),
});
/** Type of `GcmHttpResultSchema`. */
export type GcmHttpResult = z.output<typeof GcmHttpResultSchema>;

/** The answer about tokens. 64-bit IDs as text: read with `parseExactJson`. */
export const GcmMulticastResponseSchema = z.looseObject({
  multicast_id: z.string().optional(),
  success: z.int().min(0).optional(),
  failure: z.int().min(0).optional(),
  canonical_ids: z.int().min(0).optional(),
  results: z.array(GcmHttpResultSchema),
});
/** Type of `GcmMulticastResponseSchema`. */
export type GcmMulticastResponse = z.output<typeof GcmMulticastResponseSchema>;

/** The answer about a topic or condition. */
export const GcmTopicResponseSchema = z.union([
  z.looseObject({ message_id: z.string() }),
  z.looseObject({ error: z.string() }),
]);
/** Type of `GcmTopicResponseSchema`. */
export type GcmTopicResponse = z.output<typeof GcmTopicResponseSchema>;

/** The answer about a device group. */
export const GcmGroupResponseSchema = z.looseObject({
  success: z.int().min(0),
  failure: z.int().min(0),
  failed_registration_ids: z.array(z.string()).optional(),
});
/** Type of `GcmGroupResponseSchema`. */
export type GcmGroupResponse = z.output<typeof GcmGroupResponseSchema>;

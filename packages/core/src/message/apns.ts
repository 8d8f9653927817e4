import { z } from "zod";
import { AnalyticsLabelSchema, ImageUrlSchema } from "./android.ts";

/**
 * What only Apple devices are told, over FCM HTTP v1. A header or a key of `aps` set here wins over the one made from a general field.
 *
 * Source: docs/protocol/fcm-v1.md#message
 */
export const ApnsSchema = z.strictObject({
  /** `apns-priority` ("5" or "10"), `apns-expiration`, `apns-collapse-id`, `apns-push-type`, `apns-topic` and so on. */
  headers: z.record(z.string(), z.string()).optional(),
  /** The whole APNs payload: `aps`, in Apple's own spelling, and keys of your own beside it. */
  payload: z
    .object({ aps: z.record(z.string(), z.json()).optional() })
    .catchall(z.json())
    .optional(),
  analyticsLabel: AnalyticsLabelSchema.optional(),
  /** A picture for the notification service extension. */
  image: ImageUrlSchema.optional(),
  /** Push token of a Live Activity. */
  liveActivityToken: z.string().min(1, "must not be empty").optional(),
});

/** The APNs block of a message, checked. */
export type Apns = z.output<typeof ApnsSchema>;

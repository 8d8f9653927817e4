import { z } from "zod";
import { AnalyticsLabelSchema } from "./android.ts";
import { DataSchema } from "./data.ts";

/**
 * What only browsers are told, over FCM HTTP v1. What is set here wins over what is made from a general field.
 *
 * Source: docs/protocol/fcm-v1.md#message
 */
export const WebpushSchema = z.strictObject({
  /** `TTL`, `Urgency`, `Topic` of the web push protocol. */
  headers: z.record(z.string(), z.string()).optional(),
  /** Takes the place of `data` in browsers. */
  data: DataSchema.optional(),
  /** The options of the browser's `Notification`, in its own spelling: `title`, `body`, `icon`, `actions` … */
  notification: z.record(z.string(), z.json()).optional(),
  /** What a click opens. */
  link: z
    .string()
    .regex(/^https:\/\/[^\s/]+/, "must be an https URL")
    .optional(),
  analyticsLabel: AnalyticsLabelSchema.optional(),
});

/** The web push block of a message, checked. */
export type Webpush = z.output<typeof WebpushSchema>;

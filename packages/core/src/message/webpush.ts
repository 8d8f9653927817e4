import { z } from "zod";
import { AnalyticsLabelSchema } from "./android.ts";
import { DataSchema, type JsonValue, JsonValueSchema } from "./data.ts";

/**
 * What only browsers are told, over FCM HTTP v1. What is set here wins over what is made from a general field.
 *
 * Source: docs/protocol/fcm-v1.md#message
 */
export interface Webpush {
  /** `TTL`, `Urgency`, `Topic` of the web push protocol. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Takes the place of `data` in browsers. */
  readonly data?: Readonly<Record<string, string>> | undefined;
  /** The options of the browser's `Notification`, in its own spelling: `title`, `body`, `icon`, `actions` … */
  readonly notification?: { readonly [key: string]: JsonValue } | undefined;
  /** What a click opens: an https URL. */
  readonly link?: string | undefined;
  /** Label for the console's statistics. 1 to 50 of the characters a-z A-Z 0-9 - _ . ~ % */
  readonly analyticsLabel?: string | undefined;
}

/** Checks a web push block. */
export const WebpushSchema = z.strictObject({
  headers: z.record(z.string(), z.string()).optional(),
  data: DataSchema.optional(),
  notification: z.record(z.string(), JsonValueSchema).optional(),
  link: z
    .string()
    .regex(/^https:\/\/[^\s/]+/, "must be an https URL")
    .optional(),
  analyticsLabel: AnalyticsLabelSchema.optional(),
});

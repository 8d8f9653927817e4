import * as z from "../zod.ts";
import { AnalyticsLabelSchema } from "./android.ts";
import { DataSchema } from "./data.ts";
import { JsonObjectSchema, type JsonValue, recordOf } from "./json.ts";
import { TextSchema } from "./text.ts";

/**
 * Options for browsers, over FCM HTTP v1. They take precedence over general fields.
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
  /** URL that a click opens: https; http on loopback (`localhost`, 127.0.0.0/8, `[::1]`). */
  readonly link?: string | undefined;
  /** Label for the console's statistics. 1 to 50 of the characters a-z A-Z 0-9 - _ . ~ % */
  readonly analyticsLabel?: string | undefined;
}

/** FCM takes https, and http for a browser that is developed against on the same machine. */
const LINK = /^(?:https:\/\/[^\s/]+|http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?(?:[/?#]|$))/i;

/** Checks a web push block. */
export const WebpushSchema = z.strictObject({
  headers: recordOf(TextSchema).optional(),
  data: DataSchema.optional(),
  notification: JsonObjectSchema.optional(),
  link: TextSchema.regex(LINK, "must be an https URL, or http on loopback (http://localhost:8080/)").optional(),
  analyticsLabel: AnalyticsLabelSchema.optional(),
});

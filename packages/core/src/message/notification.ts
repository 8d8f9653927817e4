import * as z from "../zod.ts";
import { JsonObjectSchema, type JsonValue } from "./json.ts";
import { TextSchema } from "./text.ts";

/**
 * Notification that the system shows by itself when the app is in the background. Over FCM HTTP v1 it is written into the blocks of each platform.
 *
 * Source: docs/protocol/gcm-http.md#notification
 */
export interface Notification {
  /** First line. Android of the GCM years wants it. */
  readonly title?: string | undefined;
  /** The text below the title. */
  readonly body?: string | undefined;
  /** iOS: the line between title and body. */
  readonly subtitle?: string | undefined;
  /** Android: a drawable's name. Web: a URL. */
  readonly icon?: string | undefined;
  /** `default`, a resource (Android) or file name (iOS); an object for iOS critical alerts, in Apple's own spelling. */
  readonly sound?: string | { readonly [key: string]: JsonValue } | undefined;
  /** A picture's http or https URL. FCM of the later years and FCM HTTP v1; GCM ignores it. */
  readonly image?: string | undefined;
  /** iOS: the number on the app's icon; 0 removes it. A whole number, 0 or more. */
  readonly badge?: number | undefined;
  /** Android: replaces an older notification with the same tag. */
  readonly tag?: string | undefined;
  /** Android: colour of the icon, `#rrggbb`. */
  readonly color?: string | undefined;
  /** Action of a tap. Android: intent filter. iOS: category. Web: an HTTPS URL. */
  readonly clickAction?: string | undefined;
  /** Android 8 and later: the notification channel. */
  readonly androidChannelId?: string | undefined;
  /** Android: what it adds to the badge of the launcher's icon. A whole number, 0 or more. */
  readonly notificationCount?: number | undefined;
  /** Key of a text in the app that takes the place of `body`, in the user's language. */
  readonly bodyLocKey?: string | undefined;
  /** Arguments of the text that `bodyLocKey` names. */
  readonly bodyLocArgs?: readonly string[] | undefined;
  /** Key of a text in the app that takes the place of `title`, in the user's language. */
  readonly titleLocKey?: string | undefined;
  /** Arguments of the text that `titleLocKey` names. */
  readonly titleLocArgs?: readonly string[] | undefined;
}

/** Checks a notification. */
export const NotificationSchema = z.strictObject({
  title: TextSchema.optional(),
  body: TextSchema.optional(),
  subtitle: TextSchema.optional(),
  icon: TextSchema.optional(),
  sound: z.union([TextSchema, JsonObjectSchema], "must be a string, or an object for an iOS critical alert").optional(),
  image: TextSchema.regex(/^https?:\/\/[^\s/]+/, "must be an http or https URL").optional(),
  badge: z.int().min(0).optional(),
  tag: TextSchema.optional(),
  color: z
    .string()
    .regex(/^#[0-9a-fA-F]{6}$/, "must have the form #rrggbb")
    .optional(),
  clickAction: TextSchema.optional(),
  androidChannelId: TextSchema.optional(),
  notificationCount: z.int().min(0).optional(),
  bodyLocKey: TextSchema.optional(),
  bodyLocArgs: z.array(TextSchema).optional(),
  titleLocKey: TextSchema.optional(),
  titleLocArgs: z.array(TextSchema).optional(),
});

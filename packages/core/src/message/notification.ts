import { z } from "zod";

/**
 * What the system shows by itself when the app is not in front.
 *
 * Source: docs/protocol/gcm-http.md#notification
 */
export const NotificationSchema = z.strictObject({
  title: z.string().optional(),
  body: z.string().optional(),
  /** iOS. */
  subtitle: z.string().optional(),
  /** Android: a drawable's name. Web: a URL. */
  icon: z.string().optional(),
  /** `default`, a resource or file name; an object for iOS critical alerts. */
  sound: z
    .union([z.string(), z.record(z.string(), z.json())], "must be a string, or an object for an iOS critical alert")
    .optional(),
  /** A picture's http or https URL. FCM HTTP v1 only; elsewhere without effect. */
  image: z
    .string()
    .regex(/^https?:\/\/[^\s/]+/, "must be an http or https URL")
    .optional(),
  /** iOS. 0 removes it. */
  badge: z.int().min(0).optional(),
  /** Android: replaces an older notification with the same tag. */
  tag: z.string().optional(),
  /** Android: `#rrggbb`. */
  color: z
    .string()
    .regex(/^#[0-9a-fA-F]{6}$/, "must have the form #rrggbb")
    .optional(),
  /** Android: intent filter. iOS: category. Web: an HTTPS URL. */
  clickAction: z.string().optional(),
  /** Android 8 and later. */
  androidChannelId: z.string().optional(),
  bodyLocKey: z.string().optional(),
  bodyLocArgs: z.array(z.string()).optional(),
  titleLocKey: z.string().optional(),
  titleLocArgs: z.array(z.string()).optional(),
});

/** The notification part of a message, checked. */
export type Notification = z.output<typeof NotificationSchema>;

import type { MessageContent } from "../message/downstream.ts";
import type { Notification } from "../message/notification.ts";
import type { GcmNotification } from "./gcm-http.ts";

/** The options, notification and data of a message as GCM HTTP and CCS both write them. */
export interface GcmOptions {
  collapse_key?: string;
  priority?: string;
  content_available?: boolean;
  mutable_content?: boolean;
  delay_while_idle?: boolean;
  time_to_live?: number;
  dry_run?: boolean;
  data?: Readonly<Record<string, string>>;
  notification?: GcmNotification;
  fcm_options?: { analytics_label: string };
}

/**
 * Writes the part of a message that GCM HTTP and CCS share. What is unset or empty is left out; a time to live of 0 is kept, since it
 * means now or never.
 *
 * Source: docs/protocol/gcm-http.md#request
 */
export function encodeGcmOptions(message: MessageContent): GcmOptions {
  const options: GcmOptions = {};
  if (message.collapseKey !== undefined) options.collapse_key = message.collapseKey;
  if (message.priority !== undefined) options.priority = message.priority;
  if (message.contentAvailable) options.content_available = true;
  if (message.mutableContent) options.mutable_content = true;
  if (message.delayWhileIdle) options.delay_while_idle = true;
  if (message.timeToLiveSec !== undefined) options.time_to_live = message.timeToLiveSec;
  if (message.dryRun) options.dry_run = true;
  if (message.analyticsLabel !== undefined) options.fcm_options = { analytics_label: message.analyticsLabel };
  if (message.notification !== undefined) options.notification = encodeNotification(message.notification);
  if (message.data !== undefined && Object.keys(message.data).length > 0) options.data = message.data;
  return options;
}

function encodeNotification(notification: Notification): GcmNotification {
  const wire: GcmNotification = {};
  if (notification.title !== undefined) wire.title = notification.title;
  if (notification.body !== undefined) wire.body = notification.body;
  if (notification.subtitle !== undefined) wire.subtitle = notification.subtitle;
  if (notification.image !== undefined) wire.image = notification.image;
  if (notification.icon !== undefined) wire.icon = notification.icon;
  if (notification.sound !== undefined) wire.sound = notification.sound;
  // a string of digits, and loc_args a JSON array inside a string, is what the reference documents
  if (notification.badge !== undefined) wire.badge = String(notification.badge);
  if (notification.tag !== undefined) wire.tag = notification.tag;
  if (notification.color !== undefined) wire.color = notification.color;
  if (notification.clickAction !== undefined) wire.click_action = notification.clickAction;
  if (notification.androidChannelId !== undefined) wire.android_channel_id = notification.androidChannelId;
  if (notification.notificationCount !== undefined) wire.notification_count = notification.notificationCount;
  if (notification.bodyLocKey !== undefined) wire.body_loc_key = notification.bodyLocKey;
  if (notification.bodyLocArgs !== undefined) wire.body_loc_args = JSON.stringify(notification.bodyLocArgs);
  if (notification.titleLocKey !== undefined) wire.title_loc_key = notification.titleLocKey;
  if (notification.titleLocArgs !== undefined) wire.title_loc_args = JSON.stringify(notification.titleLocArgs);
  return wire;
}

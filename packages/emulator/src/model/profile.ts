import type { ProtocolRules } from "@cloud-messaging/connection-server";

/**
 * Profile: the years of the service to emulate.
 * `gcm-2013`: HTTP without `to`, the first CCS, no topics. `gcm-2015`: Instance ID, topics, notifications.
 * `fcm-legacy`: early FCM, all of the above and conditions. `fcm-v1`: late FCM, `delay_while_idle` without effect.
 */
export type Profile = "gcm-2013" | "gcm-2015" | "fcm-legacy" | "fcm-v1";

/** Rules that differ between the years, those of the protocols included. */
export interface ProfileRules extends ProtocolRules {
  readonly delayWhileIdle: boolean;
  /** Notification messages are always collapsible, whatever their collapse key: one per package is kept. */
  readonly notificationsCollapse: boolean;
  /** Messages for a device that was disconnected for more than a month are accepted and discarded. */
  readonly discardsAfterMonthAway: boolean;
  readonly receiptPrefix: "dr:" | "dr2:";
}

const GCM_2013: ProfileRules = {
  httpTo: false,
  topics: false,
  conditions: false,
  notifications: false,
  delayWhileIdle: true,
  notificationsCollapse: false,
  discardsAfterMonthAway: false,
  receiptPrefix: "dr:",
  ccsRateWord: "QUOTA_EXCEEDED",
  domain: "gcm.googleapis.com",
};
const GCM_2015: ProfileRules = {
  ...GCM_2013,
  httpTo: true,
  topics: true,
  notifications: true,
  receiptPrefix: "dr2:",
  ccsRateWord: "DEVICE_MESSAGE_RATE_EXCEEDED",
};
const FCM_LEGACY: ProfileRules = {
  ...GCM_2015,
  conditions: true,
  notificationsCollapse: true,
  discardsAfterMonthAway: true,
};

/** Rules of each profile. */
export const PROFILES: Readonly<Record<Profile, ProfileRules>> = {
  "gcm-2013": GCM_2013,
  "gcm-2015": GCM_2015,
  "fcm-legacy": FCM_LEGACY,
  "fcm-v1": { ...FCM_LEGACY, delayWhileIdle: false },
};

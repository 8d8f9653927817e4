/** What programs have read from node-gcm's `Constants`. */
export const Constants = {
  GCM_SEND_ENDPOINT: "fcm.googleapis.com",
  GCM_SEND_ENDPATH: "/fcm/send",
  GCM_SEND_URI: "https://fcm.googleapis.com/fcm/send",
  /** Unit: milliseconds. */
  BACKOFF_INITIAL_DELAY: 1000,
  /** Unit: milliseconds. */
  MAX_BACKOFF_DELAY: 1_024_000,
  /** Unit: milliseconds. */
  SOCKET_TIMEOUT: 180_000,
  ERROR_QUOTA_EXCEEDED: "QuotaExceeded",
  ERROR_DEVICE_QUOTA_EXCEEDED: "DeviceQuotaExceeded",
  ERROR_MISSING_REGISTRATION: "MissingRegistration",
  ERROR_INVALID_REGISTRATION: "InvalidRegistration",
  ERROR_MISMATCH_SENDER_ID: "MismatchSenderId",
  ERROR_NOT_REGISTERED: "NotRegistered",
  ERROR_MESSAGE_TOO_BIG: "MessageTooBig",
  ERROR_MISSING_COLLAPSE_KEY: "MissingCollapseKey",
  ERROR_UNAVAILABLE: "Unavailable",
  ERROR_INTERNAL_SERVER_ERROR: "InternalServerError",
} as const;

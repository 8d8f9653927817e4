// The usual message: data, a notification, priority and a time to live; as ours takes it, and as each wire has it.
const DATA = { type: "chat", from_user: "4711", text: "See you at eight? 🎬", thread: "a1b2c3" };
const NOTIFICATION = { title: "Ada", body: "See you at eight? 🎬" };
const TTL_SEC = 3_600;

/** The content as `send` takes it. */
export const USUAL = { data: DATA, notification: NOTIFICATION, priority: "high", timeToLiveSec: TTL_SEC };

/** The same as GCM HTTP and CCS have it; with other data for a payload of another size. */
export const usualGcm = (data = DATA) => ({
  priority: "high",
  time_to_live: TTL_SEC,
  notification: NOTIFICATION,
  data,
});

/** The same as ours writes it for FCM HTTP v1, made anew for every message as ours is, so that all send and parse the same bytes. */
export const usualV1 = (token) => ({
  token,
  data: DATA,
  notification: NOTIFICATION,
  android: { ttl: `${TTL_SEC}s`, priority: "HIGH" },
  apns: {
    headers: { "apns-priority": "10", "apns-expiration": String(Math.floor(Date.now() / 1000) + TTL_SEC) },
  },
  webpush: { headers: { Urgency: "high", TTL: String(TTL_SEC) } },
});

/** The same as firebase-admin takes it. */
export const usualAdmin = (token) => ({
  ...usualV1(token),
  android: { ttl: TTL_SEC * 1_000, priority: "high" },
});

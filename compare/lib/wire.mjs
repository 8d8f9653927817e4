// The two HTTP protocols as the servers of the comparison speak them.

const error = (status, word, errorCode) => ({
  error: {
    code: status,
    status: word,
    message: word,
    details: errorCode && [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode }],
  },
});

/** FCM HTTP v1: one recipient per request. */
const fcmV1 = {
  tokensOf: ({ message }) => [message.token],
  accepted: ([token]) => ({ name: `projects/demo/messages/0:${token.slice(0, 8)}` }),
  refusals: {
    401: error(401, "UNAUTHENTICATED"),
    429: error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
    503: error(503, "UNAVAILABLE", "UNAVAILABLE"),
  },
};

/** GCM HTTP: up to 1000 recipients per request, answered by position. */
const gcmHttp = {
  tokensOf: ({ to, registration_ids: ids }) => ids ?? [to],
  accepted: (tokens) => results(tokens.map((_, position) => ({ message_id: `0:${position}` }))),
  refusals: { 401: "Unauthorized", 429: "Too Many Requests", 503: "Service Unavailable" },
};

/** An answer of GCM HTTP with these results. */
export function results(list) {
  const failure = list.filter((result) => result.error !== undefined).length;
  return { multicast_id: 108, success: list.length - failure, failure, canonical_ids: 0, results: list };
}

export const WIRES = { "fcm-v1": fcmV1, "gcm-http": gcmHttp };

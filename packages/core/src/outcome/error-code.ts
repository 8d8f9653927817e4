/**
 * Action that a failure requires of the app server.
 * `retry`: the same again after a back-off. `back-off`: the same, but later and slower. `unregister`: the token is dead.
 * `replace`: accepted, use the canonical ID from now on. `reject`: the same again gives the same answer.
 * `fix-credentials`: refused until a key, a certificate or a permission is put right.
 */
export type Verdict = "retry" | "back-off" | "unregister" | "replace" | "reject" | "fix-credentials";

/** One row of the error-code table: one meaning, each wire's words for it, and what follows. */
export interface ErrorRow {
  /** Meaning, in words. */
  readonly meaning: string;
  readonly verdict: Verdict;
  /** Action for the app server, in words. */
  readonly action: string;
  /** `results[].error` over HTTP JSON, and `Error=` in plain text. */
  readonly gcmHttp?: readonly string[];
  /** HTTP status of the whole answer, where the status says it. */
  readonly gcmHttpStatus?: readonly number[];
  /** `error` of a CCS nack. */
  readonly ccs?: readonly string[];
  /** `errorCode` of FCM HTTP v1, or its `status` where there is no `FcmError`. */
  readonly fcmV1?: readonly string[];
  /** Instance ID: `error` or `status` of a batch entry. */
  readonly instanceId?: readonly string[];
  /** Device-group management: `error` of a 400. */
  readonly deviceGroups?: readonly string[];
  /**
   * Pattern of the service's explanation where its word alone does not tell this meaning from a wider one: a 400 in plain text, an
   * `INVALID_JSON`, `BAD_REGISTRATION` or `INVALID_ARGUMENT`, a stanza error.
   */
  readonly text?: RegExp;
  /** The store marks the token `suspect` and removes nothing. */
  readonly suspect?: true;
  /**
   * The refusal is about the sender as a whole (its credential, its endpoint) and says nothing of the message or the recipient: an outbox
   * holds its work and asks again later.
   */
  readonly ofSender?: true;
}

/**
 * The one error-code table. A new code is a row here and nothing else: outcomes, retries, the store and the documentation look it up.
 *
 * Source: docs/protocol/error-codes.md, which is generated from this.
 */
export const ERROR_CODES = {
  superseded: {
    meaning: "Accepted; the token has a newer canonical ID",
    verdict: "replace",
    action: "Nothing: the store has been rewritten to the canonical ID. Replace it in other places you keep it.",
  },
  "missing-registration": {
    meaning: "The request names no recipient",
    verdict: "reject",
    action: "Name a recipient.",
    gcmHttp: ["MissingRegistration"],
    instanceId: ["MissingIIdToken"],
    text: /Missing "registration_ids" field|Missing Required Field: to\b/i,
  },
  "invalid-registration": {
    meaning: "The token is malformed: cut off, or with characters that do not belong to it",
    verdict: "unregister",
    action: "Nothing for the token: it has been removed. Look for the code that damaged it.",
    gcmHttp: ["InvalidRegistration"],
    instanceId: ["InvalidToken"],
    text: /invalid (registration )?token|registration token is not a valid|APNs device token is disabled/i,
  },
  "not-registered": {
    meaning: "The app was uninstalled or unregistered, or the token expired",
    verdict: "unregister",
    action: "Nothing: the token has been removed.",
    gcmHttp: ["NotRegistered"],
    ccs: ["DEVICE_UNREGISTERED"],
    fcmV1: ["UNREGISTERED"],
    instanceId: ["NOT_FOUND"],
  },
  "bad-registration": {
    meaning: "CCS refuses the token and does not say whether it is malformed or belongs to another sender",
    verdict: "reject",
    action: "Check that the token was issued for this sender ID; if it was, remove it.",
    ccs: ["BAD_REGISTRATION"],
    suspect: true,
  },
  "suspect-registration": {
    meaning: "The service refuses the token in words that something else in the message may explain",
    verdict: "reject",
    action:
      "Look for the fault in the message: its apns and webpush blocks, its size. A plain message tells what the token is worth.",
    suspect: true,
  },
  "mismatch-sender-id": {
    meaning: "The token belongs to another sender",
    verdict: "reject",
    action: "Send with the key of the sender that the token was issued for, or drop the token for this one.",
    gcmHttp: ["MismatchSenderId"],
    fcmV1: ["SENDER_ID_MISMATCH"],
    suspect: true,
  },
  "invalid-package-name": {
    meaning: "The token's package is not the restrictedPackageName",
    verdict: "reject",
    action: "Correct restrictedPackageName, or send to tokens of that package only.",
    gcmHttp: ["InvalidPackageName"],
    text: /restricted_?package_?name/i,
  },
  "message-too-big": {
    meaning: "The payload is over the limit",
    verdict: "reject",
    action: "Send less: 4096 bytes of data keys and values, 2048 to topics.",
    gcmHttp: ["MessageTooBig"],
    text: /message (is )?too (big|large)|payload .*(too (big|large)|exceeds)/i,
  },
  "request-too-big": {
    meaning: "The whole request is larger than the service's front end takes",
    verdict: "reject",
    action: "Send to fewer recipients per request.",
    gcmHttpStatus: [413],
  },
  "invalid-data-key": {
    meaning: "A data key is reserved",
    verdict: "reject",
    action: "Rename it: not from or message_type, nothing that starts with google or gcm.",
    gcmHttp: ["InvalidDataKey"],
    text: /"data" key ".*" is a reserved keyword|reserved (data )?key/i,
  },
  "invalid-ttl": {
    meaning: "The time to live is not a whole number of seconds from 0 to 2419200",
    verdict: "reject",
    action: "Correct timeToLiveSec.",
    gcmHttp: ["InvalidTtl"],
    ccs: ["INVALID_TTL"],
    text: /"time_to_live"|\binvalid_ttl\b/i,
  },
  "missing-collapse-key": {
    meaning: "2012 only: a time to live needs a collapse key",
    verdict: "reject",
    action: "Set collapseKey, or leave timeToLiveSec unset.",
    gcmHttp: ["MissingCollapseKey"],
  },
  "invalid-argument": {
    meaning: "Something else in the request is wrong; the service's words say what",
    verdict: "reject",
    action: "Read service.description and correct the message.",
    gcmHttp: ["InvalidParameters"],
    gcmHttpStatus: [400],
    ccs: ["INVALID_JSON", "JSON_TYPE_ERROR"],
    fcmV1: ["INVALID_ARGUMENT"],
    instanceId: ["INVALID_ARGUMENT"],
  },
  "malformed-json": {
    meaning: "The service cannot read the request as JSON",
    verdict: "reject",
    action: "Report it: the SDK writes the JSON.",
    text: /JSON_PARSING_ERROR(?! ?: ?Missing)/i,
  },
  "missing-message-id": {
    meaning: "CCS finds no message_id in the message",
    verdict: "reject",
    action: "Report it: the SDK gives every message an ID.",
    text: /Missing Required Field: message_id/i,
  },
  "too-many-recipients": {
    meaning: "More recipients in one request than the service takes",
    verdict: "reject",
    action: "Report it: the SDK splits at 1000.",
    text: /Number of messages on bulk/i,
  },
  "stanza-error": {
    meaning: "CCS answered with a stanza error: the message could not be read as one",
    verdict: "reject",
    action: "Read service.description and correct the message.",
  },
  "bad-ack": {
    meaning: "CCS refuses an acknowledgement as malformed",
    verdict: "reject",
    action: "Report it: the SDK writes the acknowledgements.",
    ccs: ["BAD_ACK"],
  },
  "authentication-failed": {
    meaning: "The API key or access token is refused",
    verdict: "fix-credentials",
    action: "Check the key, that it is a server key of this project, and the key's list of allowed addresses.",
    gcmHttpStatus: [401],
    ccs: ["AUTHENTICATION_FAILED"],
    fcmV1: ["UNAUTHENTICATED"],
    ofSender: true,
  },
  "permission-denied": {
    meaning: "The credentials are good and may not do this",
    verdict: "fix-credentials",
    action: "Enable the messaging API of the project and give the account the right to send.",
    gcmHttpStatus: [403],
    fcmV1: ["PERMISSION_DENIED"],
    instanceId: ["PERMISSION_DENIED"],
    ofSender: true,
  },
  "invalid-apns-credential": {
    meaning: "The APNs key or certificate, or the web-push key, of the project is missing or expired",
    verdict: "fix-credentials",
    action: "Upload a valid APNs key to the project.",
    gcmHttp: ["InvalidApnsCredential"],
    fcmV1: ["THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"],
  },
  "endpoint-gone": {
    meaning: "Nothing answers at this address any more, or it never existed",
    verdict: "reject",
    action:
      "Google has switched off the GCM and FCM-legacy endpoints: send over FCM HTTP v1, or develop against the emulator.",
    gcmHttpStatus: [404, 410],
    fcmV1: ["NOT_FOUND"],
    ofSender: true,
  },
  "unexpected-status": {
    meaning: "An HTTP status that the documentation does not know",
    verdict: "reject",
    action: "Check the endpoint and any proxy on the way.",
  },
  "device-message-rate-exceeded": {
    meaning: "Too many messages to this device",
    verdict: "back-off",
    action: "Send to it less often. Keep the token.",
    gcmHttp: ["DeviceMessageRateExceeded", "DeviceQuotaExceeded"],
    ccs: ["DEVICE_MESSAGE_RATE_EXCEEDED"],
  },
  "topics-message-rate-exceeded": {
    meaning: "Too many messages to this topic",
    verdict: "back-off",
    action: "Send to it less often.",
    gcmHttp: ["TopicsMessageRateExceeded"],
    ccs: ["TOPICS_MESSAGE_RATE_EXCEEDED"],
  },
  "quota-exceeded": {
    meaning: "The project's, device's or topic's quota is used up",
    verdict: "back-off",
    action: "Spread the messages over more time.",
    gcmHttp: ["QuotaExceeded"],
    gcmHttpStatus: [429],
    ccs: ["QUOTA_EXCEEDED"],
    fcmV1: ["QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED"],
    instanceId: ["RESOURCE_EXHAUSTED"],
  },
  "group-failed": {
    meaning: "The service could send to no member of the device group",
    verdict: "reject",
    action:
      "Look at the members in group.failedRegistrationIds: remove the dead ones from the group, send to the others singly.",
  },
  "group-exists": {
    meaning: "There is a device group of this name already",
    verdict: "reject",
    action: "Look its key up and add the members to it, or choose another name.",
    deviceGroups: ["notification_key already exists"],
  },
  "group-not-found": {
    meaning: "There is no device group of this name or key",
    verdict: "reject",
    action: "Create it: a group ends when its last member is removed.",
    deviceGroups: ["notification_key not found"],
  },
  "no-valid-members": {
    meaning: "None of the tokens given for the device group is valid",
    verdict: "reject",
    action: "Give at least one live token; remove the dead ones from your store.",
    deviceGroups: ["no valid registration ids"],
  },
  "group-name-mismatch": {
    meaning: "The name and the key belong to different device groups",
    verdict: "reject",
    action: "Look the key up by its name, and use what comes back.",
    deviceGroups: ["notification_key_name doesn't match the group name of the notification_key"],
  },
  "too-many-topics": {
    meaning: "The app instance has its 2000 topics",
    verdict: "reject",
    action: "Unsubscribe it from topics it no longer needs.",
    instanceId: ["TOO_MANY_TOPICS"],
  },
  unavailable: {
    meaning: "The service could not answer in time",
    verdict: "retry",
    action: "Try again later; the SDK has, within its limits.",
    gcmHttp: ["Unavailable"],
    // 409 and 499: given up inside the service, over a conflict or because something on the way went away
    gcmHttpStatus: [503, 409, 499],
    ccs: ["SERVICE_UNAVAILABLE"],
    fcmV1: ["UNAVAILABLE", "ABORTED", "CANCELLED"],
    instanceId: ["DEADLINE_EXCEEDED", "UNAVAILABLE"],
  },
  "internal-error": {
    meaning: "An error inside the service",
    verdict: "retry",
    action: "Try again later; if it persists, report it to the service.",
    gcmHttp: ["InternalServerError"],
    gcmHttpStatus: [500],
    ccs: ["INTERNAL_SERVER_ERROR"],
    fcmV1: ["INTERNAL"],
    instanceId: ["INTERNAL", "UNKNOWN"],
  },
  "connection-draining": {
    meaning: "CCS is closing this connection",
    verdict: "retry",
    action: "Nothing: the client sends it again on another connection at once.",
    ccs: ["CONNECTION_DRAINING"],
  },
  "connection-failed": {
    meaning: "No connection could be made: refused, unknown host, no answer",
    verdict: "retry",
    action: "Check the endpoint and the network.",
  },
  "untrusted-certificate": {
    meaning: "The far end's certificate is signed by nobody who is trusted, has expired or belongs to another host",
    verdict: "reject",
    action: "Check the endpoint's host, or name the authority that signed the certificate (option tls.ca).",
    ofSender: true,
  },
  "wrong-protocol": {
    meaning: "The far end speaks another protocol: no TLS, no HTTP, no XMPP, or no version of it that both sides know",
    verdict: "reject",
    action: "Check scheme, host and port of the endpoint, and any proxy on the way.",
    ofSender: true,
  },
  "connection-lost": {
    meaning: "The connection ended before the answer came",
    verdict: "retry",
    action: "Its kind says the rest: ambiguous where the message had been written, retryable where it had not.",
  },
  timeout: {
    meaning: "No answer in time",
    verdict: "retry",
    action: "Its kind says the rest: ambiguous where the message had been written, retryable where it had not.",
    gcmHttpStatus: [408],
  },
  "invalid-response": {
    meaning: "An answer that cannot be understood: empty, cut off, too long, not JSON, the wrong number of results",
    verdict: "retry",
    action: "Check the endpoint and any proxy on the way.",
  },
  expired: {
    meaning: "Its time to live had passed before it could be written",
    verdict: "reject",
    action:
      "Nothing, where late is as good as never. Else give it a longer time to live, or count it from each attempt.",
  },
  "worker-lost": {
    meaning: "The worker of the outbox that was sending it ended before it could record the answer",
    verdict: "retry",
    action: "Nothing: the outbox sends it again as the option ambiguous says, and counts the copy.",
  },
  cancelled: {
    meaning: "It was cancelled in the outbox before it was sent",
    verdict: "reject",
    action: "Nothing.",
  },
  "not-sent": {
    meaning: "It was not sent: something on our side failed first",
    verdict: "retry",
    action: "See the error that ended the call.",
  },
  aborted: {
    meaning: "The caller's signal ended the send",
    verdict: "retry",
    action: "Nothing.",
  },
  closed: {
    meaning: "The sender was closed before the message was settled",
    verdict: "retry",
    action: "Send it again with another sender.",
  },
} as const satisfies Record<string, ErrorRow>;

/** The stable name of a failure, the same over every transport. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** A code that casts doubt on the token and proves nothing: its row says `suspect`. */
export type SuspectCode = {
  [Code in ErrorCode]: (typeof ERROR_CODES)[Code] extends { readonly suspect: true } ? Code : never;
}[ErrorCode];

/** True for a code that casts doubt on the token. */
export function isSuspectCode(code: ErrorCode): code is SuspectCode {
  return errorRow(code).suspect === true;
}

/** A wire's vocabulary: a column of the table that holds error strings. */
export type WireVocabulary = "gcmHttp" | "ccs" | "fcmV1" | "instanceId" | "deviceGroups";

/** The row of a code. */
export function errorRow(code: ErrorCode): ErrorRow {
  return ERROR_CODES[code];
}

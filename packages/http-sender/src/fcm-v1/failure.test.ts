import type { ErrorCode } from "@cloud-messaging/core";
import { outcomeKindFor } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { isAboutAccessToken, readFailure as read } from "./failure.ts";
import type { RecipientKind } from "./quota-failure.ts";

const fcm = (errorCode: string) => ({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode });
const apns = (statusCode: number, reason: string) => ({
  "@type": "type.googleapis.com/google.firebase.fcm.v1.ApnsError",
  statusCode,
  reason,
});
const violation = (field: string) => ({
  "@type": "type.googleapis.com/google.rpc.BadRequest",
  fieldViolations: [{ field, description: `Invalid value at '${field}'` }],
});
const error = (code: number, status: string, message: string, ...details: object[]) =>
  JSON.stringify({ error: { code, status, message, details } });

/** The answer to a message in which nothing but the token can be wrong. */
const readFailure = (status: number, body: string, recipient: RecipientKind, secret?: string) =>
  read(status, body, recipient, () => false, secret);

const BAD_TOKEN = "The registration token is not a valid FCM registration token";

describe("reading an error answer of FCM v1", () => {
  it.each<[string, number, string, ErrorCode]>([
    [
      "UNREGISTERED",
      404,
      error(404, "NOT_FOUND", "Requested entity was not found.", fcm("UNREGISTERED")),
      "not-registered",
    ],
    ["a bad token", 400, error(400, "INVALID_ARGUMENT", BAD_TOKEN, fcm("INVALID_ARGUMENT")), "invalid-registration"],
    [
      "a bad token, by field",
      400,
      error(400, "INVALID_ARGUMENT", "Invalid value", violation("message.token")),
      "invalid-registration",
    ],
    [
      "a bad fid",
      400,
      error(400, "INVALID_ARGUMENT", "Invalid installation ID", fcm("INVALID_ARGUMENT")),
      "invalid-registration",
    ],
    [
      "data that is no string",
      400,
      error(
        400,
        "INVALID_ARGUMENT",
        "Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
        violation("message.data[0].value"),
      ),
      "invalid-argument",
    ],
    [
      "a value that the service repeats and that sounds like it",
      400,
      error(400, "INVALID_ARGUMENT", `Invalid data value: ${BAD_TOKEN}`, fcm("INVALID_ARGUMENT")),
      "invalid-argument",
    ],
    [
      "another field, whatever the words say",
      400,
      error(400, "INVALID_ARGUMENT", BAD_TOKEN, fcm("INVALID_ARGUMENT"), violation("message.data[0].value")),
      "invalid-argument",
    ],
    [
      "a bad token, beside a list of fields that names none",
      400,
      error(400, "INVALID_ARGUMENT", BAD_TOKEN, { "@type": "type.googleapis.com/google.rpc.BadRequest" }),
      "invalid-registration",
    ],
    [
      "a bad token by its plainest words",
      400,
      error(400, "INVALID_ARGUMENT", "Invalid registration token", fcm("INVALID_ARGUMENT")),
      "invalid-registration",
    ],
    [
      "a message that is too big",
      400,
      error(400, "INVALID_ARGUMENT", "Android message is too big", fcm("INVALID_ARGUMENT")),
      "message-too-big",
    ],
    [
      "an APNs token that is gone",
      400,
      error(
        400,
        "INVALID_ARGUMENT",
        "APNs device token is disabled.",
        fcm("INVALID_ARGUMENT"),
        apns(410, "Unregistered"),
      ),
      "not-registered",
    ],
    [
      "an APNs token that has expired",
      400,
      error(400, "INVALID_ARGUMENT", "x", fcm("INVALID_ARGUMENT"), apns(410, "ExpiredToken")),
      "not-registered",
    ],
    [
      "an APNs answer that is not 410",
      400,
      error(400, "INVALID_ARGUMENT", "x", fcm("INVALID_ARGUMENT"), apns(400, "PayloadTooLarge")),
      "invalid-argument",
    ],
    [
      "a sender mismatch",
      403,
      error(403, "PERMISSION_DENIED", "SenderId mismatch", fcm("SENDER_ID_MISMATCH")),
      "mismatch-sender-id",
    ],
    [
      "a missing permission",
      403,
      error(403, "PERMISSION_DENIED", "Permission 'cloudmessaging.messages.create' denied"),
      "permission-denied",
    ],
    ["a quota", 429, error(429, "RESOURCE_EXHAUSTED", "Quota exceeded", fcm("QUOTA_EXCEEDED")), "quota-exceeded"],
    ["a quota without FcmError", 429, error(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), "quota-exceeded"],
    ["ABORTED", 409, error(409, "ABORTED", "Conflict"), "unavailable"],
    ["a bare 409", 409, "", "unavailable"],
    ["CANCELLED", 499, error(499, "CANCELLED", "The operation was cancelled."), "unavailable"],
    ["a bare 499", 499, "", "unavailable"],
    ["UNAVAILABLE", 503, error(503, "UNAVAILABLE", "The service is unavailable", fcm("UNAVAILABLE")), "unavailable"],
    ["INTERNAL", 500, error(500, "INTERNAL", "Internal error", fcm("INTERNAL")), "internal-error"],
    [
      "bad APNs credentials",
      401,
      error(
        401,
        "UNAUTHENTICATED",
        "Auth error from APNS",
        fcm("THIRD_PARTY_AUTH_ERROR"),
        apns(403, "InvalidProviderToken"),
      ),
      "invalid-apns-credential",
    ],
    [
      "their old name",
      401,
      error(401, "UNAUTHENTICATED", "Auth error from APNS", fcm("APNS_AUTH_ERROR")),
      "invalid-apns-credential",
    ],
    [
      "an access token that has expired",
      401,
      error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
      "authentication-failed",
    ],
    ["a wrong project", 404, error(404, "NOT_FOUND", "Requested entity was not found."), "endpoint-gone"],
    ["a bare 404", 404, "<html>Not Found</html>", "endpoint-gone"],
    ["UNSPECIFIED_ERROR, as its status", 503, error(503, "UNAVAILABLE", "x", fcm("UNSPECIFIED_ERROR")), "unavailable"],
    [
      "an errorCode of the future, as its status",
      400,
      error(400, "INVALID_ARGUMENT", "x", fcm("NEW_THING")),
      "invalid-argument",
    ],
    ["a status of the future, as its number", 502, error(502, "STRANGE", "x"), "unavailable"],
    ["DEADLINE_EXCEEDED", 504, error(504, "DEADLINE_EXCEEDED", "x"), "unavailable"],
    ["error as a string", 400, JSON.stringify({ error: "Topic name format is invalid" }), "invalid-argument"],
    ["no JSON", 500, "oops", "internal-error"],
    ["an empty body", 503, "", "unavailable"],
    ["JSON that is no error", 503, "[]", "unavailable"],
    ["a front end's 413", 413, "<html>Too Large</html>", "request-too-big"],
  ])("%s", (_name, status, body, code) => {
    expect(readFailure(status, body, "device").code).toBe(code);
  });

  it.each<[string, string, ErrorCode]>([
    ["its words", error(400, "INVALID_ARGUMENT", BAD_TOKEN, fcm("INVALID_ARGUMENT")), "suspect-registration"],
    ["its field", error(400, "INVALID_ARGUMENT", "x", violation("message.token")), "suspect-registration"],
    ["an APNs 410", error(400, "INVALID_ARGUMENT", BAD_TOKEN, apns(410, "Unregistered")), "not-registered"],
    ["UNREGISTERED", error(404, "NOT_FOUND", "x", fcm("UNREGISTERED")), "not-registered"],
    ["another field", error(400, "INVALID_ARGUMENT", "x", violation("message.data[0].value")), "invalid-argument"],
  ])(
    "keeps a token that %s speaks against where the message may be at fault, unless it is proof",
    (_name, body, code) => {
      const failure = read(400, body, "device", () => true);
      expect(failure.code).toBe(code);
      expect(outcomeKindFor("suspect-registration")).toBe("rejected");
    },
  );

  it.each<[string, string]>([
    [
      "fields of which the token is but one",
      error(400, "INVALID_ARGUMENT", "x", {
        ...violation("message.token"),
        fieldViolations: [{ field: "message.token" }, { field: "message.apns" }],
      }),
    ],
    ["an APNs answer about something else", error(400, "INVALID_ARGUMENT", BAD_TOKEN, apns(400, "BadPriority"))],
    [
      "APNs, about its own token",
      error(400, "INVALID_ARGUMENT", "x", fcm("INVALID_ARGUMENT"), apns(400, "BadDeviceToken")),
    ],
    ["words about Apple's token, without a 410", error(400, "INVALID_ARGUMENT", "APNs device token is disabled.")],
  ])("doubts a token and keeps it, on %s", (_name, body) => {
    const { code, detail } = readFailure(400, body, "device");
    expect(code).toBe("suspect-registration");
    expect(detail).toContain("kept");
    expect(readFailure(400, body, "topic").code).toBe("invalid-argument");
  });

  it.each<[string, unknown]>([
    ["a detail that is no object", { details: [null, "x", fcm("UNREGISTERED")] }],
    ["a detail of another kind with the same names", { details: [{ "@type": "x", reason: 5 }, fcm("UNREGISTERED")] }],
    ["an FcmError without a code before it", { details: [{ ...fcm("x"), errorCode: null }, fcm("UNREGISTERED")] }],
    ["a code that is text", { code: "404", details: [fcm("UNREGISTERED")] }],
    ["a message and status that are none", { message: null, status: 5, details: [fcm("UNREGISTERED")] }],
    [
      "field violations that are none",
      {
        details: [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: {} }, fcm("UNREGISTERED")],
      },
    ],
  ])("reads UNREGISTERED beside %s", (_name, error) => {
    expect(readFailure(404, JSON.stringify({ error }), "device").code).toBe("not-registered");
  });

  it("keeps the words where the details are no list", () => {
    const { code, service } = readFailure(
      404,
      JSON.stringify({ error: { status: "NOT_FOUND", message: "Gone.", details: null } }),
      "device",
    );
    expect(code).toBe("endpoint-gone");
    expect(service).toEqual({ status: 404, error: "NOT_FOUND", description: "Gone." });
  });

  it.each<RecipientKind>(["topic", "group"])("never takes a bad %s for a bad token", (kind) => {
    const failure = readFailure(400, error(400, "INVALID_ARGUMENT", BAD_TOKEN, fcm("INVALID_ARGUMENT")), kind);
    expect(failure.code).toBe("invalid-argument");
  });

  it("keeps the service's words, with what APNs said, and cuts what is long", () => {
    const gone = error(400, "INVALID_ARGUMENT", "Disabled.", fcm("INVALID_ARGUMENT"), apns(410, "Unregistered"));
    expect(readFailure(400, gone, "device").service).toEqual({
      status: 400,
      error: "INVALID_ARGUMENT",
      description: "Disabled. – APNs: 410 Unregistered",
    });
    expect(readFailure(500, "x".repeat(10_000), "device").service.description).toHaveLength(300);
    expect(readFailure(502, "<html><b>Bad</b>\n Gateway</html>", "device").service.description).toBe("Bad Gateway");
  });

  it("takes the access token out of what it shows, and reads the answer with it", () => {
    const { code, service } = readFailure(400, error(400, "INVALID_ARGUMENT", BAD_TOKEN), "device", "token");
    expect(code).toBe("invalid-registration");
    expect(service.description).toBe("The registration … is not a valid FCM registration …");
    const page = readFailure(502, "<p>Authorization: Bearer ya29.SECRET</p>", "device", "ya29.SECRET");
    expect(JSON.stringify(page)).not.toContain("SECRET");
  });

  it("says of a bare 404 that no token was removed", () => {
    const failure = readFailure(404, "", "device");
    expect(outcomeKindFor(failure.code)).toBe("rejected");
    expect(failure.detail).toContain("projectId");
  });

  it("tells an access token that expired from an APNs key that is bad", () => {
    expect(isAboutAccessToken(readFailure(401, "", "device"))).toBe(true);
    const apnsKey = error(401, "UNAUTHENTICATED", "x", fcm("THIRD_PARTY_AUTH_ERROR"));
    expect(isAboutAccessToken(readFailure(401, apnsKey, "device"))).toBe(false);
  });

  it.each([
    "Message is too large. The maximum is 4K (4096 bytes).",
    "Android message is too big",
    "Message too big",
    "Message Too Large",
    "APNs payload is too large",
  ])("takes the words %j for a message that is too big", (words) => {
    const body = error(400, "INVALID_ARGUMENT", words, fcm("INVALID_ARGUMENT"));
    expect(readFailure(400, body, "device").code).toBe("message-too-big");
  });
});

describe("a 429 of FCM v1", () => {
  const quota = (...violations: object[]) => ({ "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations });
  const DEVICE = "device-message-rate-exceeded";
  const TOPIC = "topics-message-rate-exceeded";
  const PROJECT = "quota-exceeded";

  it.each<[object, RecipientKind, ErrorCode]>([
    [{ subject: "device:abc", description: "Too many messages" }, "device", DEVICE],
    [{ subject: "project:demo", description: "Message rate per device exceeded" }, "device", DEVICE],
    [{ quotaId: "MessagesPerMinutePerProjectPerDevice" }, "device", DEVICE],
    [{ quotaMetric: "fcm.googleapis.com/device_messages" }, "device", DEVICE],
    [{ quotaDimensions: { registration_token: "abc" } }, "device", DEVICE],
    [{ description: "DeviceMessageRateExceeded" }, "group", DEVICE],
    [{ subject: "projects/demo/topics/news" }, "topic", TOPIC],
    [{ description: "Topics message rate exceeded" }, "topic", TOPIC],
    [{ subject: "topic:news", description: "per device" }, "topic", TOPIC],
    [{ subject: "project:my-device-app", description: "Requests per minute" }, "device", PROJECT],
    [{ subject: "projects/topic-news/x" }, "topic", PROJECT],
    [{ description: "Messages per minute per project to all devices" }, "device", PROJECT],
    [{ quotaId: "SendRequestsPerMinutePerProject" }, "device", PROJECT],
    [{ quotaId: "SendRequestsPerMinutePerProject" }, "topic", PROJECT],
    [{ subject: 5, description: null, quotaDimensions: [] }, "device", PROJECT],
    [{}, "device", PROJECT],
  ])("that says %j to a %s is %s", (violation, kind, code) => {
    const body = error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", fcm("QUOTA_EXCEEDED"), quota(violation));
    expect(readFailure(429, body, kind).code).toBe(code);
  });

  it("is read by its message where no detail says which quota is used up", () => {
    const body = (message: string) => error(429, "RESOURCE_EXHAUSTED", message, fcm("QUOTA_EXCEEDED"));
    expect(readFailure(429, body("Device message rate exceeded"), "device").code).toBe(DEVICE);
    expect(
      readFailure(429, body("Quota exceeded for 'Requests per minute' of consumer 'project_number:1'"), "device").code,
    ).toBe(PROJECT);
  });
});

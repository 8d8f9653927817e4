import { describe, expect, it } from "vitest";
import type { RegistrationToken } from "../message/token.ts";
import { applyReport } from "../registrations/apply-report.ts";
import { createMemoryRegistrationStore } from "../registrations/memory-registration-store.ts";
import { ERROR_CODES, type ErrorCode, type ErrorRow, errorRow } from "./error-code.ts";
import { errorCodeFor, errorCodeForHttpStatus, legacyWordFor, narrowErrorCode, wireStringFor } from "./error-lookup.ts";
import { failureOutcome, outcomeKindFor } from "./outcome.ts";

describe("the error-code table", () => {
  it("knows every error string the HTTP server is documented to answer with", () => {
    const expected: Record<string, ErrorCode> = {
      MissingRegistration: "missing-registration",
      InvalidRegistration: "invalid-registration",
      MismatchSenderId: "mismatch-sender-id",
      NotRegistered: "not-registered",
      MessageTooBig: "message-too-big",
      InvalidDataKey: "invalid-data-key",
      InvalidTtl: "invalid-ttl",
      InvalidPackageName: "invalid-package-name",
      InvalidParameters: "invalid-argument",
      Unavailable: "unavailable",
      InternalServerError: "internal-error",
      DeviceMessageRateExceeded: "device-message-rate-exceeded",
      TopicsMessageRateExceeded: "topics-message-rate-exceeded",
      InvalidApnsCredential: "invalid-apns-credential",
      MissingCollapseKey: "missing-collapse-key",
      QuotaExceeded: "quota-exceeded",
      DeviceQuotaExceeded: "device-message-rate-exceeded",
    };
    for (const [word, code] of Object.entries(expected)) expect(errorCodeFor("gcmHttp", word)).toBe(code);
  });

  it("knows every CCS nack code, of every year", () => {
    const expected: Record<string, ErrorCode> = {
      BAD_ACK: "bad-ack",
      BAD_REGISTRATION: "bad-registration",
      CONNECTION_DRAINING: "connection-draining",
      DEVICE_UNREGISTERED: "not-registered",
      INTERNAL_SERVER_ERROR: "internal-error",
      INVALID_JSON: "invalid-argument",
      DEVICE_MESSAGE_RATE_EXCEEDED: "device-message-rate-exceeded",
      TOPICS_MESSAGE_RATE_EXCEEDED: "topics-message-rate-exceeded",
      QUOTA_EXCEEDED: "quota-exceeded",
      SERVICE_UNAVAILABLE: "unavailable",
      AUTHENTICATION_FAILED: "authentication-failed",
      INVALID_TTL: "invalid-ttl",
      JSON_TYPE_ERROR: "invalid-argument",
    };
    for (const [word, code] of Object.entries(expected)) expect(errorCodeFor("ccs", word)).toBe(code);
  });

  it("finds a CCS code inside a 2013 nack that carries text in the same field", () => {
    const field =
      'InvalidJson : INVALID_TTL : Invalid value (-1) for "time_to_live": must be between 0 and "2419200"\n';
    expect(errorCodeFor("ccs", field)).toBe("invalid-ttl");
    expect(errorCodeFor("ccs", "InvalidJson : something new")).toBe("invalid-argument");
  });

  it.each(Object.keys(ERROR_CODES) as ErrorCode[])(
    "tells the store of %s what its row says, and no more",
    async (code) => {
      const told: string[] = [];
      const store = createMemoryRegistrationStore();
      store.register("ada", "tok-a");
      store.onChange(({ type }) => told.push(type));
      const resolution = store.resolve(["tok-a" as RegistrationToken]);
      await applyReport({ outcomes: [failureOutcome(code, { recipient: "tok-a" })] }, store, resolution);
      const { verdict, suspect } = errorRow(code);
      expect(told).toEqual(verdict === "unregister" ? ["removed"] : suspect ? ["suspect"] : []);
    },
  );

  it("treats a word nobody documented as an internal error", () => {
    expect(errorCodeFor("ccs", "SOMETHING_NEW")).toBe("internal-error");
    expect(errorCodeFor("gcmHttp", "SomethingNew")).toBe("internal-error");
  });

  it.each([
    [400, "invalid-argument"],
    [401, "authentication-failed"],
    [404, "endpoint-gone"],
    [413, "request-too-big"],
    [500, "internal-error"],
    [502, "unavailable"],
    [503, "unavailable"],
    [599, "unavailable"],
    [302, "unexpected-status"],
  ] as const)("reads HTTP status %i as %s", (status, code) => {
    expect(errorCodeForHttpStatus(status)).toBe(code);
  });

  it("turns verdicts into outcome kinds in one place", () => {
    const kinds: Record<ErrorRow["verdict"], string> = {
      retry: "retryable",
      "back-off": "retryable",
      unregister: "unregistered",
      replace: "accepted",
      reject: "rejected",
      "fix-credentials": "rejected",
    };
    for (const [code, row] of Object.entries(ERROR_CODES)) {
      expect(outcomeKindFor(code as ErrorCode)).toBe(kinds[row.verdict]);
    }
  });

  it("has no wire word on two rows, so that each is read one way", () => {
    for (const wire of ["gcmHttp", "ccs", "fcmV1", "instanceId", "deviceGroups"] as const) {
      const words = Object.values<ErrorRow>(ERROR_CODES).flatMap((row) => row[wire] ?? []);
      expect(new Set(words).size).toBe(words.length);
    }
  });

  it.each([
    ["invalid-argument", 'Missing "registration_ids" field\n', "missing-registration"],
    ["invalid-argument", "Number of messages on bulk (1001) exceeds maximum allowed (1000)", "too-many-recipients"],
    ["invalid-argument", '"data" key "from" is a reserved keyword', "invalid-data-key"],
    ["invalid-argument", 'Invalid value (2419201) for "time_to_live": must be between 0 and 2419200', "invalid-ttl"],
    [
      "invalid-argument",
      'InvalidJson: JSON_TYPE_ERROR : Field "time_to_live" must be a JSON java.lang.Number: abc',
      "invalid-ttl",
    ],
    ["invalid-argument", 'InvalidJson: JSON_TYPE_ERROR : Field "data" must be a JSON object', "invalid-argument"],
    ["invalid-argument", "JSON_PARSING_ERROR: Unexpected token", "malformed-json"],
    ["stanza-error", "InvalidJson: JSON_PARSING_ERROR : Missing Required Field: message_id\n", "missing-message-id"],
    ["invalid-argument", "JSON_PARSING_ERROR: Invalid token at position 5", "malformed-json"],
    ["invalid-argument", "<html>Invalid token</html>", "invalid-argument"],
    ["bad-registration", "Invalid token on 'to' field: tok-x", "invalid-registration"],
    ["bad-registration", "Sender mismatch", "bad-registration"],
    ["bad-registration", 'Invalid value for "time_to_live"', "bad-registration"],
    ["unavailable", "Invalid token on 'to' field: tok-x", "unavailable"],
    ["invalid-argument", undefined, "invalid-argument"],
  ] as const)("reads %s with the explanation %j as %s", (code, explanation, narrowed) => {
    expect(narrowErrorCode(code, explanation)).toBe(narrowed);
  });

  it("gives back the word a wire uses", () => {
    expect(wireStringFor("gcmHttp", "not-registered")).toBe("NotRegistered");
    expect(wireStringFor("ccs", "not-registered")).toBe("DEVICE_UNREGISTERED");
    expect(wireStringFor("gcmHttp", "connection-draining")).toBeUndefined();
  });
});

describe("words of the legacy wires", () => {
  it("are a code's own wherever it has one", () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      for (const wire of ["gcmHttp", "ccs"] as const) {
        const own = wireStringFor(wire, code);
        if (own !== undefined) expect(legacyWordFor(wire, code)).toBe(own);
      }
    }
  });

  it.each([
    ["gcmHttp", "request-too-big", "MessageTooBig"],
    ["gcmHttp", "suspect-registration", "InvalidParameters"],
    ["gcmHttp", "connection-draining", "Unavailable"],
    ["ccs", "mismatch-sender-id", "BAD_REGISTRATION"],
    ["ccs", "message-too-big", "INVALID_JSON"],
    ["ccs", "endpoint-gone", "INVALID_JSON"],
    ["ccs", "connection-lost", "SERVICE_UNAVAILABLE"],
    ["gcmHttp", "cancelled", "InvalidParameters"],
  ] as const)("are the nearest otherwise: %s, %s is %s", (wire, code, word) => {
    expect(legacyWordFor(wire, code)).toBe(word);
  });
});

import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import type { NackFrame } from "@cloud-messaging/core/wire";
import { describe, expect, it } from "vitest";
import { ackOutcome, downstreamJsonWriter, nackCode, nackOutcome } from "./codec.ts";

const write = { recipient: "tok-a", sentAt: 5 };
const nack = (error: string, description?: string): NackFrame => ({
  type: "nack",
  messageId: "m",
  error,
  ...(description === undefined ? {} : { description }),
});

describe("a downstream message on the wire", () => {
  it.each<[string, object, object]>([
    ["to a token", { target: { token: "t" } }, { to: "R", message_id: "m" }],
    ["to a topic", { target: { topic: "news" } }, { to: "/topics/news", message_id: "m" }],
    ["to a group", { target: { notificationKey: "k" } }, { to: "R", message_id: "m" }],
    ["to a condition", { target: { condition: "'a' in topics" } }, { condition: "R", message_id: "m" }],
    [
      "with options",
      {
        target: { token: "t" },
        data: { a: "<b>&" },
        timeToLiveSec: 0,
        deliveryReceiptRequested: true,
        priority: "high",
      },
      {
        to: "R",
        message_id: "m",
        data: { a: "<b>&" },
        time_to_live: 0,
        delivery_receipt_requested: true,
        priority: "high",
      },
    ],
  ])("%s says what the service expects", (_, input, wire) => {
    const json = downstreamJsonWriter(parseDownstreamMessage(input))("R", "m");
    expect(JSON.parse(json)).toEqual(wire);
    expect(json).not.toMatch(/[<>&]/);
  });
});

describe("an answer", () => {
  it("has no canonical ID where it names the recipient itself", () => {
    const ack = { type: "ack", messageId: "m", canonicalRegistrationId: write.recipient as never } as const;
    expect(ackOutcome(ack, write)).not.toHaveProperty("canonicalRegistrationId");
  });

  it("is converted to an accepted outcome, with the canonical ID if there is one", () => {
    expect(ackOutcome({ type: "ack", messageId: "m", canonicalRegistrationId: "new" as never }, write)).toEqual({
      kind: "accepted",
      recipient: "tok-a",
      attempts: 1,
      sentAt: 5,
      messageId: "m",
      canonicalRegistrationId: "new",
    });
  });

  it("about a group is accepted with at least one success, and rejected with none", () => {
    const group = (success: number, failure: number) =>
      ackOutcome({ type: "ack", messageId: "m", group: { success, failure, failedRegistrationIds: [] } }, write);
    expect(group(1, 2)).toMatchObject({ kind: "accepted", group: { success: 1, failure: 2 } });
    expect(group(0, 2)).toMatchObject({ kind: "rejected", code: "group-failed", group: { failure: 2 } });
  });

  it.each([
    ["DEVICE_UNREGISTERED", undefined, "unregistered", "not-registered"],
    ["BAD_REGISTRATION", "Invalid token on 'to' field: tok-a", "unregistered", "invalid-registration"],
    ["BAD_REGISTRATION", "sender mismatch", "rejected", "bad-registration"],
    ["BAD_REGISTRATION", undefined, "rejected", "bad-registration"],
    ["SERVICE_UNAVAILABLE", undefined, "retryable", "unavailable"],
    ["INTERNAL_SERVER_ERROR", undefined, "retryable", "internal-error"],
    ["DEVICE_MESSAGE_RATE_EXCEEDED", undefined, "retryable", "device-message-rate-exceeded"],
    ["TOPICS_MESSAGE_RATE_EXCEEDED", undefined, "retryable", "topics-message-rate-exceeded"],
    ["QUOTA_EXCEEDED", undefined, "retryable", "quota-exceeded"],
    ["INVALID_JSON", "InvalidJson: JSON_TYPE_ERROR", "rejected", "invalid-argument"],
    ["BAD_ACK", undefined, "rejected", "bad-ack"],
    ["AUTHENTICATION_FAILED", undefined, "rejected", "authentication-failed"],
    ["NEVER_HEARD_OF", undefined, "retryable", "internal-error"],
  ])("%s (%s) is %s", (error, description, kind, code) => {
    const frame = nack(error, description);
    expect(nackOutcome(frame, nackCode(frame), write)).toMatchObject({ kind, code, service: { error } });
  });
});

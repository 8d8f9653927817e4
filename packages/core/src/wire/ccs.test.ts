import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCcsFrame } from "./ccs.ts";

describe("what CCS writes inside <gcm>", () => {
  it.each([
    ['{"message_type":"ack","from":"tok-a","message_id":"m-1"}', { type: "ack", messageId: "m-1" }],
    [
      '{"message_type":"ack","from":"tok-a","message_id":"m-1","registration_id":"tok-a2"}',
      { type: "ack", messageId: "m-1", canonicalRegistrationId: "tok-a2" },
    ],
    [
      '{"message_type":"ack","from":"key","message_id":"m-1","success":1,"failure":1,"failed_registration_ids":["tok-b"]}',
      { type: "ack", messageId: "m-1", group: { success: 1, failure: 1, failedRegistrationIds: ["tok-b"] } },
    ],
    [
      '{"message_type":"nack","message_id":"m-2","from":"tok-x","error":"BAD_REGISTRATION","error_description":"Invalid token"}',
      { type: "nack", messageId: "m-2", error: "BAD_REGISTRATION", description: "Invalid token" },
    ],
    ['{"message_type":"nack","message_id":"m-2"}', { type: "nack", messageId: "m-2", error: "" }],
    [
      '{"message_type":"control","control_type":"CONNECTION_DRAINING"}',
      { type: "control", control: { controlType: "CONNECTION_DRAINING" } },
    ],
    [
      '{"data":{"q":"7","n":3},"time_to_live":86400,"from":"tok-a","message_id":"u-1","category":"com.example.app"}',
      {
        type: "upstream",
        message: {
          from: "tok-a",
          messageId: "u-1",
          category: "com.example.app",
          data: { q: "7", n: "3" },
          timeToLiveSec: 86_400,
        },
      },
    ],
    [
      '{"category":"com.example.app","data":{"message_status":"MESSAGE_SENT_TO_DEVICE","original_message_id":"m-1","device_registration_id":"tok-a","message_sent_timestamp":"1430277821658"},"message_id":"dr2:m-1","message_type":"receipt","from":"gcm.googleapis.com"}',
      {
        type: "receipt",
        receipt: {
          messageId: "dr2:m-1",
          from: "gcm.googleapis.com",
          originalMessageId: "m-1",
          status: "MESSAGE_SENT_TO_DEVICE",
          deviceRegistrationId: "tok-a",
          sentAt: 1_430_277_821_658,
          category: "com.example.app",
        },
      },
    ],
    [
      '{"message_type":"receipt","message_id":"dr:m-9","from":"gcm.googleapis.com","data":{}}',
      {
        type: "receipt",
        receipt: { messageId: "dr:m-9", from: "gcm.googleapis.com", originalMessageId: "m-9", status: "" },
      },
    ],
    [
      '{"message_type":"nack","message_id":"m-2","error":"BAD_ACK","error_description":null,"from":null}',
      { type: "nack", messageId: "m-2", error: "BAD_ACK" },
    ],
    [
      '{"message_type":"ack","message_id":"m-1","registration_id":null,"success":"1"}',
      { type: "ack", messageId: "m-1" },
    ],
    [
      '{"message_type":"receipt","message_id":"dr2:m-1","from":"gcm.googleapis.com"}',
      {
        type: "receipt",
        receipt: { messageId: "dr2:m-1", from: "gcm.googleapis.com", originalMessageId: "m-1", status: "" },
      },
    ],
    [
      '{"from":"tok-a","message_id":"u-1","time_to_live":"600","data":null}',
      { type: "upstream", message: { from: "tok-a", messageId: "u-1", timeToLiveSec: 600, data: {} } },
    ],
    ['{"message_type":"novelty"}', { type: "unknown", messageType: "novelty" }],
    ['{"message_type":7}', { type: "malformed", problem: "message_type: must be a string" }],
    // no text can be made of it
    ['{"message_type":{"toString":false}}', { type: "malformed", problem: "message_type: must be a string" }],
  ])("is read: %s", (json, frame) => {
    expect(parseCcsFrame(json)).toEqual(frame);
  });

  it.each(["", "{", "[]", "null", "7", '{"message_type":"ack"}', '{"message_type":"control"}', "{}", '{"data":{}}'])(
    "is reported and not read when it is %j",
    (json) => {
      expect(parseCcsFrame(json).type).toBe("malformed");
    },
  );

  it("has no canonical ID in an ack that names one to which nothing could be sent", () => {
    for (const id of ["", "two words", "line\nend", "tö", "t".repeat(4_097)]) {
      const json = JSON.stringify({ message_type: "ack", from: "tok-a", message_id: "m-1", registration_id: id });
      expect(parseCcsFrame(json)).toEqual({ type: "ack", messageId: "m-1" });
    }
  });

  it("keeps every key of an upstream message's data, __proto__ too", () => {
    const frame = parseCcsFrame('{"from":"tok-a","message_id":"u-1","data":{"__proto__":"x","n":1.5}}');
    if (frame.type !== "upstream") throw new Error(frame.type);
    expect(Object.entries(frame.message.data)).toEqual([
      ["__proto__", "x"],
      ["n", "1.5"],
    ]);
  });

  it.each([2_000, 5_000, 50_000, 2_000_000])("is malformed or read whole when its data is %d deep", (depth) => {
    const deep = `${"[".repeat(depth)}${"]".repeat(depth)}`;
    const frame = parseCcsFrame(`{"from":"tok-a","message_id":"u-1","data":{"x":${deep}}}`);
    // how deep JSON can be read and written is the engine's matter, and differs from one Node to the next
    if (frame.type === "upstream") expect(frame.message.data["x"] === deep).toBe(true);
    else expect(frame.type).toBe("malformed");
  });

  it("never makes the reader throw", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((v) => `{"message_type":"receipt","data":${v}}`),
        ),
        (json) => {
          expect(typeof parseCcsFrame(json).type).toBe("string");
        },
      ),
    );
  });
});

import { PLATFORMS } from "@cloud-messaging/connection-server";
import type { FieldProblem } from "@cloud-messaging/core";
import { defined, readInput, z } from "@cloud-messaging/core/transport";
import { HTTP_FAULT_KINDS } from "../faults/faults.ts";
import { retryAfterForm, senderId, text, texts } from "../fields.ts";

const retryAfter = z.union([
  z.string(),
  z.strictObject({ date: z.number().describe("Milliseconds since the epoch, or from now when below a year") }),
]);
const times = z.number().min(1).describe("How often. Default 1").optional();
const after = z.int().min(0).describe("Requests that pass before the first one it meets. Default 0").optional();
const faultEndpoint = z.enum(["gcm-http", "ccs", "fcm-v1", "instance-id"]);
const httpFaultEndpoint = z.enum(["gcm-http", "fcm-v1", "instance-id", "device-groups"]);

/** `null`: no limit, since JSON has no infinity. */
const limit = z.int().min(1).nullable().optional();

/** Bodies of the control API, by purpose. */
export const ControlBodies = {
  createDevice: z.strictObject({
    name: text.optional(),
    packageName: text.optional(),
    senderId: senderId.optional(),
    senderIds: z.array(senderId).min(1).max(100).optional(),
    token: text.optional(),
    connected: z.boolean().optional(),
    idle: z.boolean().optional(),
    platform: z.enum(PLATFORMS).describe("Default android").optional(),
    confirmReceipts: z.enum(["auto", "manual"]).optional(),
  }),
  changeDevice: z.strictObject({
    connected: z.boolean().optional(),
    idle: z.boolean().optional(),
    confirmReceipts: z.enum(["auto", "manual"]).optional(),
  }),
  reregister: z.strictObject({ token: text.describe("The new token. Default: made up").optional() }),
  upstream: z.strictObject({
    data: texts.default({}),
    senderId: senderId.optional(),
    notificationKey: text.optional(),
    messageId: text.optional(),
    timeToLiveSec: z.int().min(0).max(2_419_200).optional(),
  }),
  confirm: z.strictObject({ messageId: text }),
  topic: z.strictObject({ topic: text }),
  fault: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("next"),
      to: text.optional(),
      token: text.optional(),
      endpoint: faultEndpoint.optional(),
      error: text.describe("A name of the error-code table, or the wire's own word"),
      times,
      retryAfter: retryAfter.optional(),
      detail: z.string().optional(),
    }),
    z.strictObject({
      kind: z.literal("random"),
      rate: z.number().min(0).max(1),
      error: text,
      endpoint: faultEndpoint.optional(),
    }),
    z.strictObject({
      kind: z.literal("request"),
      status: z.int().min(200).max(599),
      retryAfter: retryAfter.optional(),
      body: z.string().optional(),
      contentType: z.string().optional(),
      times,
      after,
      endpoint: httpFaultEndpoint.optional(),
    }),
    z.strictObject({
      kind: z.literal("http"),
      fault: z.enum(HTTP_FAULT_KINDS),
      accept: z.boolean().optional(),
      delayMs: z.number().min(0).optional(),
      streams: z.int().min(0).describe("Concurrent streams that lower-streams allows. Default 1").optional(),
      times,
      after,
      endpoint: httpFaultEndpoint.optional(),
    }),
    z.strictObject({
      kind: z.literal("cut"),
      messages: z.int().min(1),
      beforeAck: z.boolean().optional(),
      accept: z.boolean().optional(),
      times,
    }),
    z.strictObject({
      kind: z.literal("drain"),
      messages: z.int().min(1),
      nack: z.boolean().optional(),
      times,
    }),
    z.strictObject({
      kind: z.literal("login"),
      fault: z.enum(["refuse", "hang", "not-authorized", "temporary-auth-failure"]),
      times,
    }),
  ]),
  advance: z.strictObject({ advanceMs: z.number().min(0) }),
  drain: z.strictObject({ connectionId: z.int().optional(), nack: z.boolean().optional() }),
  cut: z.strictObject({ connectionId: z.int().optional() }),
  ack: z.strictObject({ messageId: text.describe("Default: every held message").optional() }),
  nack: z.strictObject({ messageId: text, error: text, detail: z.string().optional() }),
  autoAck: z.strictObject({ autoAck: z.boolean() }),
  settings: z.strictObject({
    quotas: z
      .strictObject({
        messagesPerMinute: limit.describe("Messages per project over v1. FCM published 600000"),
        retryAfter: retryAfterForm.describe("Whether that 429 has a Retry-After, and in which form").optional(),
        messagesPerTopicPerMinute: limit,
        topicChangesPerSecond: limit.describe("Per project. FCM published 3000"),
        fanOutPerSecond: limit.describe("Deliveries of topic messages per project. FCM published about 10000"),
        concurrentFanOuts: limit.describe("Topic messages of a project under way at the same time. FCM published 1000"),
      })
      .optional(),
    fcm: z
      .strictObject({
        tokenLifetimeSec: z.int().min(1).describe("How long new access tokens are good").optional(),
        acceptForeignTokens: z
          .boolean()
          .describe("Whether access tokens that the emulator has not given out are good")
          .optional(),
      })
      .optional(),
  }),
} as const;

/** Purpose of a control API body. */
export type BodyKind = keyof typeof ControlBodies;
/** Parsed body of the control API; an absent field is not present as `undefined`. */
export type ControlBody<K extends BodyKind> = Defined<z.output<(typeof ControlBodies)[K]>>;
type Defined<T> = T extends object ? { [K in keyof T]: Exclude<T[K], undefined> } : T;

/** Reads a body of the control API. */
export function readControlBody(
  kind: BodyKind,
  value: unknown,
): { readonly body: unknown } | { readonly problems: readonly FieldProblem[] } {
  const reading = readInput<object>(ControlBodies[kind], value, { name: "a field of this call" });
  return "value" in reading ? { body: defined(reading.value) } : reading;
}

/** JSON Schema of a body, for the OpenAPI document. */
export function jsonSchemaOf(kind: BodyKind): unknown {
  // records have a schema of ours, which says of itself what it is
  const { $schema: _dialect, ...schema } = z.toJSONSchema(ControlBodies[kind], { io: "input", unrepresentable: "any" });
  return schema;
}

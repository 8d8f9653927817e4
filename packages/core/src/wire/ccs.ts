import { isJsonObject } from "../json-object.ts";
import type { ControlMessage } from "../message/control.ts";
import type { DeliveryReceipt } from "../message/receipt.ts";
import { type RegistrationToken, tokenProblem } from "../message/token.ts";
import type { UpstreamMessage } from "../message/upstream.ts";
import type { GroupResult } from "../outcome/outcome.ts";
import * as z from "../zod.ts";
import { gcmOptionShape } from "./gcm-http.ts";

/** Namespace of the `<gcm>` element. Match it by this and the local name, never by prefix. */
export const GCM_NAMESPACE = "google:mobile:data";
/** Most downstream messages CCS lets one connection leave unanswered. Source: docs/protocol/ccs.md#flow-control */
export const CCS_MAX_PENDING = 100;

/** A downstream message as the app server writes it. */
export const CcsDownstreamSchema = z.looseObject({
  ...gcmOptionShape,
  message_id: z.string(),
  delivery_receipt_requested: z.boolean().optional(),
});
/** Type of `CcsDownstreamSchema`. */
export type CcsDownstream = z.output<typeof CcsDownstreamSchema>;

/** The app server's acknowledgement of an upstream message or receipt. */
export const CcsClientAckSchema = z.looseObject({
  to: z.string(),
  message_id: z.string(),
  message_type: z.literal("ack"),
});
/** Type of `CcsClientAckSchema`. */
export type CcsClientAck = z.output<typeof CcsClientAckSchema>;

/** CCS took the message named. Not delivery. */
export interface AckFrame {
  readonly type: "ack";
  readonly messageId: string;
  readonly canonicalRegistrationId?: RegistrationToken;
  readonly group?: GroupResult;
}
/** CCS refused the message named. */
export interface NackFrame {
  readonly type: "nack";
  readonly messageId: string;
  readonly error: string;
  readonly description?: string;
}
/** Frame of CCS: parsed content of `<gcm>`. `unknown` is to be ignored, `malformed` to be reported: neither is ever acknowledged. */
export type CcsFrame =
  | AckFrame
  | NackFrame
  | { readonly type: "upstream"; readonly message: UpstreamMessage }
  | { readonly type: "receipt"; readonly receipt: DeliveryReceipt }
  | { readonly type: "control"; readonly control: ControlMessage }
  | { readonly type: "unknown"; readonly messageType: string }
  | { readonly type: "malformed"; readonly problem: string };

/**
 * Reads the JSON text of a `<gcm>` element that came from CCS. Looks at `message_type` first: a control message has no `message_id`.
 * Only what a frame cannot do without has to be as documented; an optional field of another type counts as absent, since a frame that is
 * dropped for it would leave a message pending, or be sent again for ever. Never throws.
 */
export function parseCcsFrame(json: string): CcsFrame {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { type: "malformed", problem: "not JSON" };
  }
  if (!isJsonObject(value)) return { type: "malformed", problem: "not a JSON object" };
  const { message_type: messageType } = value;
  switch (messageType) {
    case "ack":
      return ackFrame(value);
    case "nack":
      return nackFrame(value);
    case "control":
      return typeof value["control_type"] === "string"
        ? { type: "control", control: { controlType: value["control_type"] } }
        : missing("control_type");
    case "receipt":
      return receiptFrame(value);
    case undefined:
    case null:
      return upstreamFrame(value);
    default:
      return typeof messageType === "string"
        ? { type: "unknown", messageType: messageType.slice(0, 100) }
        : { type: "malformed", problem: "message_type: must be a string" };
  }
}

type JsonRecord = Readonly<Record<string, unknown>>;
type Writable<T> = { -readonly [K in keyof T]: T[K] };

function missing(field: string): CcsFrame {
  return { type: "malformed", problem: `${field}: must be a non-empty string` };
}

/** A string with something in it. */
function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A number, as itself or as digits. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

function ackFrame(ack: JsonRecord): CcsFrame {
  const messageId = text(ack["message_id"]);
  if (messageId === undefined) return missing("message_id");
  const canonical = text(ack["registration_id"]);
  const success = numberOf(ack["success"]);
  const failure = numberOf(ack["failure"]);
  // field by field: spreads of what is mostly absent cost more than the rest of the frame
  const frame: Writable<AckFrame> = { type: "ack", messageId };
  // one that no message could be sent to would bar its registration from every later send
  if (canonical !== undefined && canonical !== ack["from"] && tokenProblem(canonical) === undefined) {
    frame.canonicalRegistrationId = canonical as RegistrationToken;
  }
  if (success !== undefined && failure !== undefined) {
    const failed = ack["failed_registration_ids"];
    const failedRegistrationIds = Array.isArray(failed) ? failed.filter((token) => typeof token === "string") : [];
    frame.group = { success, failure, failedRegistrationIds };
  }
  return frame;
}

function nackFrame(nack: JsonRecord): CcsFrame {
  const messageId = text(nack["message_id"]);
  if (messageId === undefined) return missing("message_id");
  const description = text(nack["error_description"]);
  return {
    type: "nack",
    messageId,
    error: text(nack["error"]) ?? "",
    ...(description === undefined ? {} : { description }),
  };
}

function upstreamFrame(upstream: JsonRecord): CcsFrame {
  const messageId = text(upstream["message_id"]);
  const from = text(upstream["from"]);
  if (messageId === undefined) return missing("message_id");
  if (from === undefined) return missing("from");
  const data = dataOf(upstream["data"]);
  if (data === undefined) return { type: "malformed", problem: "data: too deep to be read" };
  const category = text(upstream["category"]);
  const timeToLiveSec = numberOf(upstream["time_to_live"]);
  const message: Writable<UpstreamMessage> = { from, messageId, data };
  if (category !== undefined) message.category = category;
  if (timeToLiveSec !== undefined) message.timeToLiveSec = timeToLiveSec;
  return { type: "upstream", message };
}

/** The app's data: strings, as devices send them. Anything else is given as its JSON; `undefined` when that is too deep to be written. */
function dataOf(data: unknown): Readonly<Record<string, string>> | undefined {
  if (!isJsonObject(data)) return {};
  if (holdsTexts(data)) return data;
  try {
    const entries = Object.entries(data).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    // defines own keys, __proto__ among them
    return Object.fromEntries(entries) as Record<string, string>;
  } catch {
    // JSON.parse bears more than JSON.stringify does
    return undefined;
  }
}

function holdsTexts(data: JsonRecord): data is Readonly<Record<string, string>> {
  for (const key of Object.keys(data)) if (typeof data[key] !== "string") return false;
  return true;
}

function receiptFrame(receipt: JsonRecord): CcsFrame {
  const messageId = text(receipt["message_id"]);
  const from = text(receipt["from"]);
  if (messageId === undefined) return missing("message_id");
  if (from === undefined) return missing("from");
  const data = isJsonObject(receipt["data"]) ? receipt["data"] : {};
  const category = text(receipt["category"]);
  const deviceRegistrationId = text(data["device_registration_id"]);
  const sentAt = numberOf(data["message_sent_timestamp"]);
  return {
    type: "receipt",
    receipt: {
      messageId,
      from,
      // the documented prefixes are dr2: and, before 2014, dr:
      originalMessageId: text(data["original_message_id"]) ?? messageId.replace(/^dr2?:/, ""),
      status: text(data["message_status"]) ?? "",
      ...(deviceRegistrationId === undefined ? {} : { deviceRegistrationId }),
      ...(sentAt === undefined ? {} : { sentAt }),
      ...(category === undefined ? {} : { category }),
    },
  };
}

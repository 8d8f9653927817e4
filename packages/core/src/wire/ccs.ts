import { z } from "zod";
import type { ControlMessage } from "../message/control.ts";
import type { DeliveryReceipt } from "../message/receipt.ts";
import type { RegistrationToken } from "../message/token.ts";
import type { UpstreamMessage } from "../message/upstream.ts";
import type { GroupResult } from "../outcome.ts";
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
export type CcsDownstream = z.output<typeof CcsDownstreamSchema>;

/** The app server's acknowledgement of an upstream message or receipt. */
export const CcsClientAckSchema = z.looseObject({
  to: z.string(),
  message_id: z.string(),
  message_type: z.literal("ack"),
});
export type CcsClientAck = z.output<typeof CcsClientAckSchema>;

const AckSchema = z.looseObject({
  message_id: z.string(),
  from: z.string().optional(),
  registration_id: z.string().optional(),
  success: z.int().optional(),
  failure: z.int().optional(),
  failed_registration_ids: z.array(z.string()).optional(),
});
const NackSchema = z.looseObject({
  message_id: z.string(),
  from: z.string().optional(),
  registration_id: z.string().optional(),
  error: z.string().optional(),
  error_description: z.string().optional(),
});
const DataSchema = z
  .record(z.string(), z.unknown())
  .transform(
    (data): Record<string, string> =>
      Object.fromEntries(
        Object.entries(data).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
      ),
  );
const UpstreamSchema = z.looseObject({
  message_id: z.string().min(1),
  from: z.string().min(1),
  category: z.string().optional(),
  data: DataSchema.optional(),
  time_to_live: z.number().optional(),
});
const ReceiptSchema = z.looseObject({
  message_id: z.string().min(1),
  from: z.string().min(1),
  category: z.string().optional(),
  data: z.looseObject({
    message_status: z.string().optional(),
    original_message_id: z.string().optional(),
    device_registration_id: z.string().optional(),
    message_sent_timestamp: z.union([z.string(), z.number()]).optional(),
  }),
});
const ControlSchema = z.looseObject({ control_type: z.string() });

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
/** What CCS writes inside `<gcm>`, read. `unknown` is to be ignored, `malformed` to be reported: neither is ever acknowledged. */
export type CcsFrame =
  | AckFrame
  | NackFrame
  | { readonly type: "upstream"; readonly message: UpstreamMessage }
  | { readonly type: "receipt"; readonly receipt: DeliveryReceipt }
  | { readonly type: "control"; readonly control: ControlMessage }
  | { readonly type: "unknown"; readonly messageType: string }
  | { readonly type: "malformed"; readonly problem: string };

/** Reads the JSON text of a `<gcm>` element that came from CCS. Looks at `message_type` first: a control message has no `message_id`. Never throws. */
export function parseCcsFrame(json: string): CcsFrame {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { type: "malformed", problem: "not JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { type: "malformed", problem: "not a JSON object" };
  }
  const messageType = (value as { message_type?: unknown }).message_type;
  switch (messageType) {
    case "ack":
      return read(AckSchema, value, ackFrame);
    case "nack":
      return read(NackSchema, value, (nack) => ({
        type: "nack",
        messageId: nack.message_id,
        error: nack.error ?? "",
        ...(nack.error_description === undefined ? {} : { description: nack.error_description }),
      }));
    case "control":
      return read(ControlSchema, value, (control) => ({
        type: "control",
        control: { controlType: control.control_type },
      }));
    case "receipt":
      return read(ReceiptSchema, value, receiptFrame);
    case undefined:
      return read(UpstreamSchema, value, (upstream) => ({
        type: "upstream",
        message: {
          from: upstream.from,
          messageId: upstream.message_id,
          data: upstream.data ?? {},
          ...(upstream.category === undefined ? {} : { category: upstream.category }),
          ...(upstream.time_to_live === undefined ? {} : { timeToLiveSec: upstream.time_to_live }),
        },
      }));
    default:
      return { type: "unknown", messageType: String(messageType) };
  }
}

function read<T>(schema: z.ZodType<T>, value: unknown, convert: (parsed: T) => CcsFrame): CcsFrame {
  const parsed = schema.safeParse(value);
  if (parsed.success) return convert(parsed.data);
  const issue = parsed.error.issues[0];
  return { type: "malformed", problem: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not as documented"}` };
}

function ackFrame(ack: z.output<typeof AckSchema>): CcsFrame {
  const canonical = ack.registration_id;
  const counted = ack.success !== undefined && ack.failure !== undefined;
  return {
    type: "ack",
    messageId: ack.message_id,
    ...(canonical === undefined || canonical === "" || canonical === ack.from
      ? {}
      : { canonicalRegistrationId: canonical as RegistrationToken }),
    ...(counted
      ? {
          group: {
            success: ack.success ?? 0,
            failure: ack.failure ?? 0,
            failedRegistrationIds: ack.failed_registration_ids ?? [],
          },
        }
      : {}),
  };
}

function receiptFrame(receipt: z.output<typeof ReceiptSchema>): CcsFrame {
  const { data } = receipt;
  const sentAt = Number(data.message_sent_timestamp);
  return {
    type: "receipt",
    receipt: {
      messageId: receipt.message_id,
      from: receipt.from,
      // the documented prefixes are dr2: and, before 2014, dr:
      originalMessageId: data.original_message_id ?? receipt.message_id.replace(/^dr2?:/, ""),
      status: data.message_status ?? "",
      ...(data.device_registration_id === undefined ? {} : { deviceRegistrationId: data.device_registration_id }),
      ...(Number.isFinite(sentAt) ? { sentAt } : {}),
      ...(receipt.category === undefined ? {} : { category: receipt.category }),
    },
  };
}

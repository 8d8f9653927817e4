import type { HttpAnswer, HttpRequest } from "@cloud-messaging/connection-server";
import type { ErrorCode } from "@cloud-messaging/core";
import { describeError } from "@cloud-messaging/core/transport";
import { GcmHttpRequestSchema } from "@cloud-messaging/core/wire";
import { checkMessage } from "../model/check-message.ts";
import type { Decision, Refusal } from "../model/message.ts";
import { keyOfHeader, managementBearer } from "./credentials.ts";
import { type DoorContext, type HttpDoor, withFaults } from "./door.ts";
import { badRequest, groupAnswer, multicastAnswer, plainTextAnswer, topicAnswer, unauthorized } from "./gcm-answers.ts";
import { conditionAddress, isPriority, stringData, toIncoming, typeProblem, withNumericTtl } from "./gcm-message.ts";
import { readPlainText } from "./gcm-plain-text.ts";
import { parseBoundedJson } from "./json-guard.ts";

/** Recipients per request. Source: docs/protocol/gcm-http.md#request */
export const MAX_RECIPIENTS = 1000;

/** The hosts of the HTTP connection server. */
export const GCM_HTTP_HOSTS: readonly string[] = [
  "fcm.googleapis.com",
  "gcm-http.googleapis.com",
  "gcm.googleapis.com",
  "android.googleapis.com",
];

/**
 * How failures of a whole request are answered. `live`: 400 with the reason as text, as the service did.
 * `documented`: 200 with an error per result, as the documentation promised.
 */
export type ValidationStyle = "live" | "documented";

const SAMPLE =
  '{"multicast_id":1,"success":2,"failure":0,"canonical_ids":0,"results":[{"message_id":"0:1"},{"message_id":"0:2"}]}';

/** The HTTP connection server: `POST /gcm/send` and `/fcm/send`, JSON and plain text. */
export const gcmHttpDoor: HttpDoor = (context) =>
  ["/gcm/send", "/fcm/send"].map((path) => ({
    method: "POST",
    path,
    hosts: GCM_HTTP_HOSTS,
    before: ({ headers }) => {
      const key = keyOfHeader(headers.authorization);
      if (key !== undefined) return context.credentials.check(key) === undefined ? unauthorized() : undefined;
      // FCM's last years: an access token in the place of the key, with a header that says so
      const bearer = path === "/fcm/send" ? managementBearer(headers) : undefined;
      return bearer !== undefined && context.credentials.checkBearer(bearer) ? undefined : unauthorized();
    },
    handle: (request) => {
      context.counters.requests++;
      return withFaults(context.faults, "gcm-http", request, SAMPLE, (whole) => handle(context, whole));
    },
  }));

function handle(context: DoorContext, request: HttpRequest): HttpAnswer {
  const sending: Sending = {
    context,
    senderId: context.credentials.senderOf(request.headers.authorization),
    wire: request.body,
  };
  const type = (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/json") return handleJson(sending);
  if (type === "" || type === "application/x-www-form-urlencoded") return handlePlainText(sending);
  return refuseWhole(sending, "", "invalid-argument", `Unsupported Content-Type: ${type?.slice(0, 100)}`);
}

/** One request on its way through. */
interface Sending {
  readonly context: DoorContext;
  readonly senderId: string | undefined;
  readonly wire: string;
}

function handleJson(sending: Sending): HttpAnswer {
  const { context, senderId, wire } = sending;
  const { service, ids, settings } = context;
  const { profile } = service;
  let value: unknown;
  try {
    value = parseBoundedJson(wire);
  } catch (error) {
    const problem = describeError(error);
    return refuseWhole(sending, "", "invalid-argument", `JSON_PARSING_ERROR: ${problem}`);
  }
  if (settings.lenientNumbers) value = withNumericTtl(value);
  const parsed = GcmHttpRequestSchema.safeParse(value);
  if (!parsed.success) {
    const problem = typeProblem(parsed.error.issues[0], value);
    return refuseWhole(sending, "", "invalid-argument", `JSON_TYPE_ERROR: ${problem}`);
  }
  const fields = parsed.data;
  const to = fields.to ?? fields.notification_key;
  const { registration_ids: tokens } = fields;
  const condition = profile.conditions ? fields.condition : undefined;
  const shown = to ?? condition ?? tokens?.[0] ?? "";
  const refuse = (reason: string, code: ErrorCode = "invalid-argument") => refuseWhole(sending, shown, code, reason);

  if (to !== undefined && tokens !== undefined) {
    return refuse('Must use either "registration_ids" field or "to", not both');
  }
  if (condition !== undefined && (to !== undefined || tokens !== undefined)) {
    return refuse('Must use either "condition" field or "to" or "registration_ids", not both');
  }
  const none = (to === undefined || to === "") && condition === undefined && (tokens?.length ?? 0) === 0;
  if (none || (fields.to !== undefined && !profile.httpTo)) {
    return missingRecipient(sending, shown);
  }
  if (tokens !== undefined && tokens.length > MAX_RECIPIENTS) {
    return refuse(`Number of messages on bulk (${tokens.length}) exceeds maximum allowed (${MAX_RECIPIENTS})`);
  }
  if (!isPriority(fields.priority)) {
    return refuse(`Invalid value (${fields.priority?.slice(0, 50)}) for "priority": must be "normal" or "high"`);
  }
  const data = stringData(fields.data);
  const send = (recipient: string, address = service.addressOf(recipient)): Decision => {
    const envelope = { door: "gcm-http", senderId, wire } as const;
    return service.send(toIncoming(fields, data, recipient, address, envelope, service));
  };
  const wrong = checkMessage(data, fields.time_to_live);
  if (wrong !== undefined) {
    if (settings.validationStyle === "live") return refuse(wrong.detail ?? wrong.code, wrong.code);
    return multicastAnswer(
      ids,
      (tokens ?? [shown]).map((recipient) => capture(sending, recipient, wrong)),
    );
  }
  if (condition !== undefined) {
    const address = conditionAddress(condition);
    return "problem" in address ? refuse(address.problem) : topicAnswer(send(condition, address));
  }
  if (to === undefined) {
    const decisions = (tokens ?? []).map((token) => send(token, { kind: "token", token }));
    return multicastAnswer(ids, decisions);
  }
  const address = service.addressOf(to);
  if (address.kind === "topic") {
    return profile.topics ? topicAnswer(send(to, address)) : missingRecipient(sending, shown);
  }
  const decision = send(to, address);
  return address.kind === "group"
    ? groupAnswer(ids, decision, settings.groupFailureCounts)
    : multicastAnswer(ids, [decision]);
}

function handlePlainText(sending: Sending): HttpAnswer {
  const { context, senderId, wire } = sending;
  const { service } = context;
  const { token, data, fields } = readPlainText(wire, service.profile.httpTo);
  if (token === "") return plainTextAnswer(capture(sending, "", { kind: "refused", code: "missing-registration" }));
  if (token.startsWith("/topics/")) {
    return refuseWhole(sending, token, "invalid-argument", "Topics can be addressed in JSON requests only");
  }
  const wrong = checkMessage(data, fields.time_to_live);
  if (wrong !== undefined) return plainTextAnswer(capture(sending, token, wrong));
  const envelope = { door: "gcm-http", senderId, wire } as const;
  return plainTextAnswer(service.send(toIncoming(fields, data, token, { kind: "token", token }, envelope, service)));
}

function missingRecipient(sending: Sending, shown: string): HttpAnswer {
  const refusal: Refusal = { kind: "refused", code: "missing-registration" };
  if (sending.context.settings.validationStyle === "live") {
    return refuseWhole(sending, shown, "missing-registration", 'Missing "registration_ids" field');
  }
  return multicastAnswer(sending.context.ids, [capture(sending, shown, refusal)]);
}

function refuseWhole(sending: Sending, to: string, code: ErrorCode, reason: string): HttpAnswer {
  capture(sending, to, { kind: "refused", code, detail: reason });
  return badRequest(reason);
}

/** Shows in the inbox what was refused before it came to the service. */
function capture({ context, senderId, wire }: Sending, to: string, refusal: Refusal): Refusal {
  const envelope = { door: "gcm-http", senderId, wire } as const;
  const { service } = context;
  return service.refuse(
    service.receive(toIncoming({}, {}, to, { kind: "token", token: to }, envelope, service)),
    refusal,
  );
}

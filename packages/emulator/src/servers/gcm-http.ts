import { type ErrorCode, GcmHttpRequestSchema, stringifyExactJson, wireStringFor } from "@cloud-messaging/core";
import type { FaultScript } from "../faults.ts";
import type { HttpAnswer, HttpRequest, HttpRoute } from "../http-server.ts";
import type { ServiceIds } from "../model/ids.ts";
import type { Decision, Refusal } from "../model/message.ts";
import type { CloudService } from "../model/service.ts";
import type { Counters } from "../stats.ts";
import { type Credentials, keyOfHeader } from "./credentials.ts";
import { conditionAddress, type GcmFields, stringData, toIncoming, typeProblem } from "./gcm-message.ts";
import { handlePlainText } from "./gcm-plain-text.ts";
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

/** What the door needs. */
export interface GcmHttpDoor {
  readonly service: CloudService;
  readonly faults: FaultScript;
  readonly credentials: Credentials;
  readonly counters: Counters;
  readonly ids: ServiceIds;
  readonly validationStyle: ValidationStyle;
  /** A message to a group that reached nobody: `false` answers 503 without JSON, `true` the counts. */
  readonly groupFailureCounts: boolean;
  /** Whether a `time_to_live` written as text is taken when it holds a number. */
  readonly lenientNumbers: boolean;
}

/** The HTTP connection server: `POST /gcm/send` and `/fcm/send`, JSON and plain text. */
export function gcmHttpRoutes(door: GcmHttpDoor): HttpRoute[] {
  return ["/gcm/send", "/fcm/send"].map((path) => ({
    method: "POST",
    path,
    hosts: GCM_HTTP_HOSTS,
    before: ({ headers }) => {
      const key = keyOfHeader(headers.authorization);
      return key === undefined || door.credentials.check(key) === undefined ? unauthorized() : undefined;
    },
    handle: (request) => handle(door, request),
  }));
}

function handle(door: GcmHttpDoor, request: HttpRequest): HttpAnswer {
  door.counters.requests++;
  const fault = door.faults.takeRequest("gcm-http");
  if (fault !== undefined) {
    return {
      status: fault.status,
      contentType: fault.contentType ?? "text/html; charset=UTF-8",
      body: fault.body ?? `<html><body>${fault.status}</body></html>\n`,
      ...(fault.retryAfterText === undefined ? {} : { headers: { "retry-after": fault.retryAfterText } }),
    };
  }
  const spoiled = door.faults.takeHttp("gcm-http");
  if (spoiled !== undefined && spoiled.accept !== true) return { status: 200, spoil: spoiled.kind, ...sampleAnswer() };
  const senderId = door.credentials.check(keyOfHeader(request.headers.authorization) ?? "")?.senderId;
  const type = (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
  let answer: HttpAnswer;
  if (type === "application/json") answer = handleJson(door, request.body, senderId);
  else if (type === "" || type === "application/x-www-form-urlencoded") {
    answer = handlePlainText(door, request.body, senderId);
  } else answer = badRequest(`Unsupported Content-Type: ${type}`);
  return spoiled === undefined ? answer : { ...answer, spoil: spoiled.kind };
}

function handleJson(door: GcmHttpDoor, body: string, senderId: string | undefined): HttpAnswer {
  let value: unknown;
  try {
    value = parseBoundedJson(body);
  } catch (error) {
    return badRequest(`JSON_PARSING_ERROR: ${error instanceof Error ? error.message : "unreadable"}`);
  }
  if (door.lenientNumbers) value = withNumericTtl(value);
  const parsed = GcmHttpRequestSchema.safeParse(value);
  if (!parsed.success) return badRequest(`JSON_TYPE_ERROR: ${typeProblem(parsed.error.issues[0], value)}`);
  const fields = parsed.data;
  const { profile } = door.service;
  const to = fields.to ?? fields.notification_key;
  const { registration_ids: tokens } = fields;
  const condition = profile.conditions ? fields.condition : undefined;
  if (to !== undefined && tokens !== undefined) {
    return badRequest('Must use either "registration_ids" field or "to", not both');
  }
  if (condition !== undefined && (to !== undefined || tokens !== undefined)) {
    return badRequest('Must use either "condition" field or "to" or "registration_ids", not both');
  }
  if ((to === undefined || to === "") && condition === undefined && (tokens === undefined || tokens.length === 0)) {
    return missingRecipient(door);
  }
  if (fields.to !== undefined && !profile.httpTo) return badRequest('Missing "registration_ids" field');
  if (tokens !== undefined && tokens.length > MAX_RECIPIENTS) {
    return badRequest(`Number of messages on bulk (${tokens.length}) exceeds maximum allowed (${MAX_RECIPIENTS})`);
  }
  if (fields.priority !== undefined && !/^(normal|high|5|10)$/i.test(fields.priority)) {
    return badRequest(`Invalid value (${fields.priority.slice(0, 50)}) for "priority": must be "normal" or "high"`);
  }
  const data = stringData(fields.data);
  const refusal = door.service.check(data, fields.time_to_live);
  const recipients = tokens ?? (to === undefined ? [] : [to]);
  if (refusal !== undefined) {
    if (door.validationStyle === "live") return badRequest(refusal.detail ?? refusal.code);
    return multicastAnswer(
      door,
      recipients.map(() => refusal),
    );
  }
  if (condition !== undefined) {
    const address = conditionAddress(condition);
    if ("problem" in address) return badRequest(address.problem);
    return topicAnswer(sendTo(door, fields, data, condition, address, senderId, body));
  }
  if (to !== undefined) {
    const address = door.service.addressOf(to);
    if (address.kind === "topic") {
      if (!profile.topics) return badRequest('Missing "registration_ids" field');
      return topicAnswer(sendTo(door, fields, data, to, address, senderId, body));
    }
    if (address.kind === "group") {
      return groupAnswer(door, sendTo(door, fields, data, to, address, senderId, body));
    }
  }
  return multicastAnswer(
    door,
    recipients.map((token) => sendTo(door, fields, data, token, { kind: "token", token }, senderId, body)),
  );
}

function sendTo(
  door: GcmHttpDoor,
  fields: GcmFields,
  data: Readonly<Record<string, string>>,
  to: string,
  address: Parameters<typeof toIncoming>[3],
  senderId: string | undefined,
  wire: string,
): Decision {
  const envelope = { door: "gcm-http", senderId, wire } as const;
  return door.service.send(toIncoming(fields, data, to, address, envelope, door.service));
}

function multicastAnswer(door: GcmHttpDoor, decisions: readonly Decision[]): HttpAnswer {
  let success = 0;
  let canonical = 0;
  const results = decisions.map((decision) => {
    if (decision.kind === "refused") return { error: wordOf(decision) };
    success++;
    if (decision.canonicalToken === undefined) return { message_id: decision.messageId };
    canonical++;
    return { message_id: decision.messageId, registration_id: decision.canonicalToken };
  });
  return json(
    {
      multicast_id: door.ids.wide(),
      success,
      failure: decisions.length - success,
      canonical_ids: canonical,
      results,
    },
    decisions,
  );
}

function topicAnswer(decision: Decision): HttpAnswer {
  if (decision.kind === "refused") return json({ error: wordOf(decision) }, [decision]);
  return json({ message_id: decision.numericId }, []);
}

function groupAnswer(door: GcmHttpDoor, decision: Decision): HttpAnswer {
  if (decision.kind === "refused") {
    return json(
      {
        multicast_id: door.ids.wide(),
        success: 0,
        failure: 1,
        canonical_ids: 0,
        results: [{ error: wordOf(decision) }],
      },
      [decision],
    );
  }
  const { success = 0, failure = 0, failed = [] } = decision.group ?? {};
  if (success === 0 && !door.groupFailureCounts) {
    return {
      status: 503,
      contentType: "text/html; charset=UTF-8",
      body: "<html><body>Service Unavailable</body></html>\n",
    };
  }
  return json({ success, failure, ...(failed.length > 0 ? { failed_registration_ids: failed } : {}) }, []);
}

/** The word for a refusal in a JSON or plain-text answer. */
export function wordOf({ word, code }: Refusal): string {
  return word ?? wireStringFor("gcmHttp", code) ?? HTTP_WORDS[code] ?? "InternalServerError";
}

/** Codes whose meaning HTTP has a word for, under another code's name. */
const HTTP_WORDS: Readonly<Partial<Record<ErrorCode, string>>> = {
  "bad-registration": "InvalidRegistration",
  "quota-exceeded": "DeviceMessageRateExceeded",
  "connection-draining": "Unavailable",
};

function missingRecipient(door: GcmHttpDoor): HttpAnswer {
  if (door.validationStyle === "live") return badRequest('Missing "registration_ids" field');
  return multicastAnswer(door, [{ kind: "refused", code: "missing-registration" }]);
}

function json(body: unknown, decisions: readonly Decision[]): HttpAnswer {
  const headers = retryAfterOf(decisions);
  return { status: 200, body: stringifyExactJson(body), ...(headers === undefined ? {} : { headers }) };
}

/** The Retry-After of the first refusal that has one, as a header. */
export function retryAfterOf(decisions: readonly Decision[]): Record<string, string> | undefined {
  for (const decision of decisions) {
    if (decision.kind === "refused" && decision.retryAfter !== undefined) return { "retry-after": decision.retryAfter };
  }
  return undefined;
}

/** 400 with the reason as text and one line feed, as the live service wrote it. */
export function badRequest(reason: string): HttpAnswer {
  return { status: 400, contentType: "text/plain; charset=UTF-8", body: `${reason}\n` };
}

function unauthorized(): HttpAnswer {
  return {
    status: 401,
    contentType: "text/html; charset=UTF-8",
    body: "<HTML><HEAD><TITLE>Unauthorized</TITLE></HEAD><BODY><H1>Unauthorized</H1><H2>Error 401</H2></BODY></HTML>\n",
  };
}

function sampleAnswer(): Pick<HttpAnswer, "body"> {
  return { body: '{"multicast_id":1,"success":1,"failure":0,"canonical_ids":0,"results":[{"message_id":"0:1"}]}' };
}

function withNumericTtl(value: unknown): unknown {
  const ttl = (value as { time_to_live?: unknown } | null)?.time_to_live;
  return typeof ttl === "string" && /^\d+$/.test(ttl) ? { ...(value as object), time_to_live: Number(ttl) } : value;
}

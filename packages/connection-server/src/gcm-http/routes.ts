import type { ErrorCode } from "@cloud-messaging/core";
import { describeError } from "@cloud-messaging/core/transport";
import { decodeGcmData, GcmHttpRequestSchema, isPlainGcmRequest, parseBoundedJson } from "@cloud-messaging/core/wire";
import { type BoundedService, boundedService, type ServerOptions } from "../ask.ts";
import { keyOfHeader, managementBearer } from "../credentials.ts";
import { checkMessage } from "../gcm/check-message.ts";
import { conditionAddress, isPriority, toIncoming, typeProblem, withNumericTtl } from "../gcm/message.ts";
import type { HttpAnswer, HttpRequest, HttpRequestHead, HttpRoute } from "../http/route.ts";
import { CALL_OPTION_NAMES, optionNamesCheck } from "../options/option-names.ts";
import {
  type Address,
  type Decision,
  FCM_RULES,
  type IncomingMessage,
  type MaybePromise,
  type Refusal,
  type Sender,
} from "../service.ts";
import {
  badRequest,
  groupAnswer,
  multicastAnswer,
  plainTextAnswer,
  randomWideId,
  topicAnswer,
  unauthorized,
  unavailable,
} from "./answer.ts";
import { readPlainText } from "./plain-text.ts";

/** Recipients per request. Source: docs/protocol/gcm-http.md#request */
const MAX_RECIPIENTS = 1000;

/** Hosts of the HTTP connection server. */
export const GCM_HTTP_HOSTS: readonly string[] = [
  "fcm.googleapis.com",
  "gcm-http.googleapis.com",
  "gcm.googleapis.com",
  "android.googleapis.com",
];

/**
 * Form of the failure of a whole request. `live`: 400 with the reason as text, as the service did.
 * `documented`: 200 with an error per result, as the documentation promised.
 */
export type ValidationStyle = "live" | "documented";

/** Options of the GCM HTTP server. */
export interface GcmHttpServerOptions extends ServerOptions {
  /** @defaultValue `live` */
  readonly validationStyle?: ValidationStyle;
  /** True if `time_to_live` may be digits in a string. @defaultValue `false` */
  readonly lenientNumbers?: boolean;
  /** True if a group message that reached nobody is answered with counts rather than with 503. @defaultValue `false` */
  readonly groupFailureCounts?: boolean;
  /** Source of multicast IDs. @defaultValue random numbers of up to 63 bits */
  readonly multicastId?: () => bigint;
}

interface Context extends GcmHttpServerOptions {
  readonly bounded: BoundedService;
  readonly multicastId: () => bigint;
}

/** One request on its way through. */
interface Sending {
  readonly context: Context;
  readonly senderId: string | undefined;
  readonly client: string | undefined;
  readonly wire: string;
}

/** Key of {@link HttpRequestHead.locals}. */
const SENDER = Symbol("sender");

const checked = optionNamesCheck<GcmHttpServerOptions>("an option of gcmHttpRoutes", {
  ...CALL_OPTION_NAMES,
  service: true,
  validationStyle: true,
  lenientNumbers: true,
  groupFailureCounts: true,
  multicastId: true,
});

/**
 * Creates the routes of the HTTP connection server: `POST /gcm/send` and `/fcm/send`, JSON and plain text.
 *
 * @throws {InvalidOptionsError} the options are no object, one has another name, or the service lacks a method.
 */
export function gcmHttpRoutes(options: GcmHttpServerOptions): HttpRoute[] {
  const context: Context = { multicastId: randomWideId, ...options, bounded: boundedService(checked(options)) };
  return ["/gcm/send", "/fcm/send"].map((path) => ({
    method: "POST",
    path,
    before: (request) => authenticate(context, request),
    handle: (request) => handle(context, request),
  }));
}

async function authenticate({ bounded }: Context, request: HttpRequestHead): Promise<HttpAnswer | undefined> {
  const { headers, path, locals, remoteAddress } = request;
  const key = keyOfHeader(headers.authorization);
  // FCM's last years: an access token in the place of the key, with a header that says so
  const bearer = key === undefined && path === "/fcm/send" ? managementBearer(headers) : undefined;
  const secret = key ?? bearer;
  if (secret === undefined) return unauthorized();
  const kind = key === undefined ? "access-token" : "api-key";
  const sender = await bounded.authenticate({ protocol: "gcm-http", kind, secret, remoteAddress });
  if (sender.kind === "refused") return sender.code === "authentication-failed" ? unauthorized() : unavailable(sender);
  locals.set(SENDER, sender);
  return undefined;
}

function handle(context: Context, request: HttpRequest): HttpAnswer | Promise<HttpAnswer> {
  const { senderId, client } = request.locals.get(SENDER) as Sender;
  const sending: Sending = { context, senderId, client, wire: request.body };
  const type = (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/json") return handleJson(sending);
  if (type === "" || type === "application/x-www-form-urlencoded") return handlePlainText(sending);
  return refuseWhole(sending, "", "invalid-argument", `Unsupported Content-Type: ${type?.slice(0, 100)}`);
}

async function handleJson(sending: Sending): Promise<HttpAnswer> {
  const { context, senderId, client, wire } = sending;
  const { bounded, lenientNumbers = false, validationStyle = "live", groupFailureCounts = false } = context;
  const { multicastId } = context;
  const rules = context.service.rules ?? FCM_RULES;
  let value: unknown;
  try {
    value = parseBoundedJson(wire);
  } catch (error) {
    const problem = describeError(error);
    return refuseWhole(sending, "", "invalid-argument", `JSON_PARSING_ERROR: ${problem}`);
  }
  if (lenientNumbers) value = withNumericTtl(value);
  const parsed = isPlainGcmRequest(value) ? { data: value } : GcmHttpRequestSchema.safeParse(value);
  if (parsed.data === undefined) {
    const problem = typeProblem(parsed.error.issues[0], value);
    return refuseWhole(sending, "", "invalid-argument", `JSON_TYPE_ERROR: ${problem}`);
  }
  const fields = parsed.data;
  const to = fields.to ?? fields.notification_key;
  const { registration_ids: tokens } = fields;
  const condition = rules.conditions ? fields.condition : undefined;
  const shown = to ?? condition ?? tokens?.[0] ?? "";
  const refuse = (reason: string, code: ErrorCode = "invalid-argument") => refuseWhole(sending, shown, code, reason);

  if (to !== undefined && tokens !== undefined) {
    return refuse('Must use either "registration_ids" field or "to", not both');
  }
  if (condition !== undefined && (to !== undefined || tokens !== undefined)) {
    return refuse('Must use either "condition" field or "to" or "registration_ids", not both');
  }
  const none = (to === undefined || to === "") && condition === undefined && (tokens?.length ?? 0) === 0;
  if (none || (fields.to !== undefined && !rules.httpTo)) {
    return missingRecipient(sending, shown);
  }
  if (tokens !== undefined && tokens.length > MAX_RECIPIENTS) {
    return refuse(`Number of messages on bulk (${tokens.length}) exceeds maximum allowed (${MAX_RECIPIENTS})`);
  }
  if (!isPriority(fields.priority)) {
    return refuse(`Invalid value (${fields.priority?.slice(0, 50)}) for "priority": must be "normal" or "high"`);
  }
  const data = decodeGcmData(fields.data);
  const envelope = { protocol: "gcm-http", senderId, client, wire } as const;
  const send = (recipient: string, address: Address): MaybePromise<Decision> =>
    bounded.submit(toIncoming(fields, data, recipient, address, envelope, rules));
  const wrong = checkMessage(data, fields.time_to_live);
  if (wrong !== undefined) {
    if (validationStyle === "live") return refuse(wrong.detail ?? wrong.code, wrong.code);
    const refusals = (tokens ?? [shown]).map((recipient) => refusedBefore(sending, recipient, wrong));
    return multicastAnswer(multicastId, refusals);
  }
  if (condition !== undefined) {
    const address = conditionAddress(condition);
    return "problem" in address ? refuse(address.problem) : topicAnswer(await send(condition, address));
  }
  if (to === undefined) {
    const decisions = (tokens ?? []).map((token) => send(token, { kind: "token", token }));
    return multicastAnswer(multicastId, await Promise.all(decisions));
  }
  if (to.startsWith("/topics/")) {
    if (!rules.topics) return missingRecipient(sending, shown);
    return topicAnswer(await send(to, { kind: "topic", topic: to.slice("/topics/".length) }));
  }
  const decision = await send(to, { kind: "token", token: to, orGroup: true });
  return decision.kind === "accepted" && decision.group !== undefined
    ? groupAnswer(decision.group, groupFailureCounts)
    : multicastAnswer(multicastId, [decision]);
}

async function handlePlainText(sending: Sending): Promise<HttpAnswer> {
  const { context, senderId, client, wire } = sending;
  const rules = context.service.rules ?? FCM_RULES;
  const { token, data, fields } = readPlainText(wire, rules.httpTo);
  if (token === "") {
    return plainTextAnswer(refusedBefore(sending, "", { kind: "refused", code: "missing-registration" }));
  }
  if (token.startsWith("/topics/")) {
    return refuseWhole(sending, token, "invalid-argument", "Topics can be addressed in JSON requests only");
  }
  const wrong = checkMessage(data, fields.time_to_live);
  if (wrong !== undefined) return plainTextAnswer(refusedBefore(sending, token, wrong));
  const envelope = { protocol: "gcm-http", senderId, client, wire } as const;
  const message = toIncoming(fields, data, token, { kind: "token", token }, envelope, rules);
  return plainTextAnswer(await context.bounded.submit(message));
}

function missingRecipient(sending: Sending, shown: string): HttpAnswer {
  const { validationStyle = "live", multicastId } = sending.context;
  const refusal: Refusal = { kind: "refused", code: "missing-registration" };
  if (validationStyle === "live") {
    return refuseWhole(sending, shown, "missing-registration", 'Missing "registration_ids" field');
  }
  return multicastAnswer(multicastId, [refusedBefore(sending, shown, refusal)]);
}

function refuseWhole(sending: Sending, to: string, code: ErrorCode, reason: string): HttpAnswer {
  refusedBefore(sending, to, { kind: "refused", code, detail: reason });
  return badRequest(reason);
}

/** Tells the service of a message that is refused before it is asked. */
function refusedBefore({ context, senderId, client, wire }: Sending, to: string, refusal: Refusal): Refusal {
  const { service, bounded } = context;
  const envelope = { protocol: "gcm-http", senderId, client, wire } as const;
  const rules = service.rules ?? FCM_RULES;
  const message: IncomingMessage = toIncoming({}, {}, to, { kind: "token", token: to }, envelope, rules);
  bounded.refused(message, refusal);
  return refusal;
}

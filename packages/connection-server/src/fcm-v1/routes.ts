import type { Clock } from "@cloud-messaging/core";
import { systemClock } from "@cloud-messaging/core/transport";
import { type FcmV1Message, type FcmV1SendRequest, parseBoundedJson } from "@cloud-messaging/core/wire";
import { type BoundedService, boundedService, type ServerOptions } from "../ask.ts";
import { bearerOfHeader } from "../credentials.ts";
import { conditionAddress } from "../gcm/message.ts";
import { type HttpAnswer, type HttpRequest, type HttpRequestHead, type HttpRoute, jsonAnswer } from "../http/route.ts";
import { CALL_OPTION_NAMES, optionNamesCheck } from "../options/option-names.ts";
import {
  type Address,
  type IncomingMessage,
  type MessageContent,
  PLATFORMS,
  type Platform,
  type Sender,
} from "../service.ts";
import { badFieldsAnswer, invalidArgumentAnswer, refusalAnswer, unauthenticatedAnswer } from "./answer.ts";
import { checkFcmMessage } from "./check-message.ts";
import { contentFor } from "./content.ts";
import { SEND_REQUEST } from "./fields.ts";
import { readProto } from "./proto-json.ts";

/** Hosts of FCM HTTP v1. */
export const FCM_V1_HOSTS: readonly string[] = ["fcm.googleapis.com", "fcm.mtls.googleapis.com"];

const MISSING_MESSAGE = { field: "message", description: "Invalid value at 'message': it is required" };
const SENDER = Symbol("sender");

const checked = optionNamesCheck<ServerOptions>("an option of fcmV1Routes", { ...CALL_OPTION_NAMES, service: true });

interface Context extends ServerOptions {
  readonly bounded: BoundedService;
  readonly clock: Clock;
}

/**
 * Creates the route of FCM HTTP v1: `POST /v1/projects/:project/messages:send`.
 *
 * @throws {InvalidOptionsError} the options are no object, one has another name, or the service lacks a method.
 */
export function fcmV1Routes(options: ServerOptions): HttpRoute[] {
  const context: Context = { clock: systemClock, ...options, bounded: boundedService(checked(options)) };
  return [
    {
      method: "POST",
      path: "/v1/projects/:project/messages::send",
      before: (request) => authenticate(context, request),
      handle: (request) => handle(context, request),
    },
  ];
}

async function authenticate(
  { bounded }: Context,
  { headers, params, locals }: HttpRequestHead,
): Promise<HttpAnswer | undefined> {
  const secret = bearerOfHeader(headers.authorization);
  if (secret === undefined) return unauthenticatedAnswer("missing");
  const project = params["project"] ?? "";
  const sender = await bounded.authenticate({ protocol: "fcm-v1", kind: "access-token", secret, project });
  if (sender.kind === "refused") {
    return sender.code === "authentication-failed" ? unauthenticatedAnswer("invalid") : refusalAnswer(sender);
  }
  locals.set(SENDER, sender);
  return undefined;
}

async function handle({ bounded, clock }: Context, request: HttpRequest): Promise<HttpAnswer> {
  const project = request.params["project"] ?? "";
  const refuse = (detail: string, answer: HttpAnswer): HttpAnswer => {
    const shown = {
      protocol: "fcm-v1",
      address: { kind: "token", token: "" },
      to: "",
      data: {},
      timeToLiveSec: 0,
    } as const;
    const refusal = { kind: "refused", code: "invalid-argument", detail } as const;
    bounded.refused({ ...shown, project, wire: request.body }, refusal);
    return answer;
  };
  let json: unknown;
  try {
    json = parseBoundedJson(request.body);
  } catch (error) {
    const problem = `Invalid JSON payload received. ${(error as Error).message}`;
    return refuse(problem, badFieldsAnswer(problem, []));
  }
  const { value, violations } = readProto(SEND_REQUEST, json);
  const { message, validate_only: validateOnly = false } = value as Partial<FcmV1SendRequest>;
  if (violations.length > 0 || message === undefined) {
    const bad = violations.length > 0 ? violations : [MISSING_MESSAGE];
    const problem = bad.map(({ description }) => description).join("\n");
    return refuse(problem, badFieldsAnswer(problem, bad));
  }
  const wrong = checkFcmMessage(message);
  if (wrong.length > 0) {
    const problem = wrong.map(({ description }) => description).join("\n");
    return refuse(problem, invalidArgumentAnswer(problem, wrong));
  }
  const target = targetOf(message);
  if ("problem" in target) return refuse(target.problem, invalidArgumentAnswer(target.problem));
  const content = contentByPlatform(message, clock.now());
  const { senderId } = request.locals.get(SENDER) as Sender;
  const incoming: IncomingMessage = {
    // in general it is shown as Android has it
    ...content("android"),
    protocol: "fcm-v1",
    ...target,
    // a project that is written as its number says which sender it is
    senderId: senderId ?? (/^\d+$/.test(project) ? project : undefined),
    project,
    contentFor: content,
    checksTokenForm: true,
    payloadBytes: Math.max(...PLATFORMS.map((each) => content(each).payloadBytes ?? 0)),
    dryRun: validateOnly,
    wire: request.body,
  };
  const decision = await bounded.submit(incoming);
  if (decision.kind === "refused") return refusalAnswer(decision);
  return jsonAnswer(200, { name: `projects/${project}/messages/${decision.messageId}` });
}

/** Each platform's content, made when it is first asked for. */
function contentByPlatform(message: FcmV1Message, nowMs: number): (platform: Platform) => MessageContent {
  const made = new Map<Platform, MessageContent>();
  return (platform) => {
    let content = made.get(platform);
    if (content === undefined) {
      content = contentFor(platform, message, nowMs);
      made.set(platform, content);
    }
    return content;
  };
}

/** Reads the recipient; the front end has refused a message with several. */
function targetOf({
  token,
  fid,
  topic,
  condition,
}: FcmV1Message): { address: Address; to: string } | { problem: string } {
  if (token !== undefined && token !== "") {
    const address: Address = token.startsWith("/topics/")
      ? { kind: "topic", topic: token.slice("/topics/".length) }
      : { kind: "token", token, orGroup: true };
    return { address, to: token };
  }
  if (topic !== undefined && topic !== "") {
    const name = topic.startsWith("/topics/") ? topic.slice("/topics/".length) : topic;
    return { address: { kind: "topic", topic: name }, to: `/topics/${name}` };
  }
  if (condition !== undefined && condition !== "") {
    const address = conditionAddress(condition);
    return "problem" in address ? address : { address, to: condition };
  }
  if (fid === undefined || fid === "") return { problem: "Recipient of the message is not set." };
  return { address: { kind: "fid", fid }, to: fid };
}

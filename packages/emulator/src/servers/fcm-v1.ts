import type { HttpAnswer, HttpRequest } from "@cloud-messaging/connection-server";
import { jsonAnswer } from "@cloud-messaging/connection-server";
import type { FcmV1Message, FcmV1SendRequest } from "@cloud-messaging/core/wire";
import { type AppInstance, PLATFORMS, type Platform } from "../model/devices.ts";
import type { Address, IncomingMessage, MessageContent } from "../model/message.ts";
import { isMalformed } from "../model/token-rules.ts";
import { bearerOfHeader } from "./credentials.ts";
import { type DoorContext, type HttpDoor, withFaults } from "./door.ts";
import { badFieldsAnswer, invalidArgumentAnswer, refusalAnswer, unauthenticatedAnswer } from "./fcm-v1-answers.ts";
import { checkFcmMessage } from "./fcm-v1-checks.ts";
import { contentFor } from "./fcm-v1-content.ts";
import { SEND_REQUEST } from "./fcm-v1-fields.ts";
import { conditionAddress } from "./gcm-message.ts";
import { parseBoundedJson } from "./json-guard.ts";
import { readProto } from "./proto-json.ts";

/** The hosts of FCM HTTP v1. */
export const FCM_V1_HOSTS: readonly string[] = ["fcm.googleapis.com", "fcm.mtls.googleapis.com"];
const SAMPLE = '{"name":"projects/emulator-project/messages/0:1500415314455276%31bd1c9631bd1c96"}';

const MISSING_MESSAGE = { field: "message", description: "Invalid value at 'message': it is required" };

/** `POST /v1/projects/:project/messages:send`. */
export const fcmV1Door: HttpDoor = (context) => [
  {
    method: "POST",
    path: "/v1/projects/:project/messages::send",
    hosts: FCM_V1_HOSTS,
    before: ({ headers }) => {
      const token = bearerOfHeader(headers.authorization);
      if (token === undefined) return unauthenticatedAnswer("missing");
      return context.credentials.checkBearer(token) ? undefined : unauthenticatedAnswer("invalid");
    },
    handle: (request) => {
      context.counters.requests++;
      return withFaults(context.faults, "fcm-v1", request, SAMPLE, (whole) => handle(context, whole));
    },
  },
];

function handle(context: DoorContext, request: HttpRequest): HttpAnswer {
  const { service, registry, clock, settings } = context;
  const project = request.params["project"] ?? "";
  const spent = context.quotas.spendMessage(project);
  if (spent !== undefined) return refusalAnswer({ kind: "refused", code: "quota-exceeded", ...spent });
  const refuse = (detail: string, answer: HttpAnswer, to = ""): HttpAnswer => {
    const shown = { door: "fcm-v1", address: { kind: "token", token: to }, to, data: {}, timeToLiveSec: 0 } as const;
    const captured = service.receive({ ...shown, project, wire: request.body });
    service.refuse(captured, { kind: "refused", code: "invalid-argument", detail });
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
  const target = targetOf(context, message);
  if ("problem" in target) return refuse(target.problem, invalidArgumentAnswer(target.problem));
  const content = contentByPlatform(message, clock.now());
  const { address } = target;
  const { platform = "android" } =
    (address.kind === "token" ? registry.byToken(address.token)?.device : undefined) ?? {};
  const incoming: IncomingMessage = {
    // to many it is shown as Android has it
    ...content(platform),
    door: "fcm-v1",
    address,
    to: target.to,
    // a project that is written as its number says which sender it is
    senderId: /^\d+$/.test(project) ? project : undefined,
    project,
    contentFor: content,
    checksTokenForm: true,
    payloadBytes: Math.max(...PLATFORMS.map((each) => content(each).payloadBytes ?? 0)),
    dryRun: validateOnly,
    wire: request.body,
  };
  const unknownFid =
    message.fid !== undefined && target.app === undefined && !(settings.autoRegister && !isMalformed(message.fid));
  const decision = unknownFid
    ? service.refuse(service.receive(incoming), { kind: "refused", code: "not-registered" })
    : service.send(incoming);
  if (decision.kind === "refused") return refusalAnswer(decision);
  if (target.app !== undefined && message.fid !== undefined && !validateOnly)
    moveToFid(context, target.app, message.fid);
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

interface ReadTarget {
  readonly address: Address;
  readonly to: string;
  /** The app behind a Firebase Installation ID. */
  readonly app?: AppInstance;
}

/** The front end has seen to it that there is one at most. */
function targetOf(
  context: DoorContext,
  { token, fid, topic, condition }: FcmV1Message,
): ReadTarget | { readonly problem: string } {
  if (token !== undefined && token !== "") return { address: context.service.addressOf(token), to: token };
  if (topic !== undefined && topic !== "") {
    const name = topic.startsWith("/topics/") ? topic.slice("/topics/".length) : topic;
    return { address: { kind: "topic", topic: name }, to: `/topics/${name}` };
  }
  if (condition !== undefined && condition !== "") {
    const address = conditionAddress(condition);
    return "problem" in address ? address : { address, to: condition };
  }
  if (fid === undefined || fid === "") return { problem: "Recipient of the message is not set." };
  const app = appOfFid(context, fid);
  const known = app?.canonicalToken ?? fid;
  return { address: { kind: "token", token: known }, to: fid, ...(app === undefined ? {} : { app }) };
}

/** The app whose token begins with the installation ID, or that has moved to it already. */
function appOfFid({ registry }: DoorContext, fid: string): AppInstance | undefined {
  const moved = registry.byToken(fid);
  if (moved !== undefined) return moved;
  for (const app of registry.apps()) {
    if (app.tokens.size > 0 && app.canonicalToken.startsWith(`${fid}:`)) return app;
  }
  return undefined;
}

/** A device has one or the other: once it was reached by its ID, its tokens are gone. */
function moveToFid({ registry }: DoorContext, app: AppInstance, fid: string): void {
  if (app.canonicalToken === fid || app.tokens.size === 0) return;
  registry.reregister(app, fid);
  for (const token of [...app.tokens]) if (token !== fid) registry.forgetToken(token);
}

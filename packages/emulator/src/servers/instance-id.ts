import type { HttpAnswer, HttpRequest, Platform } from "@cloud-messaging/connection-server";
import { jsonAnswer } from "@cloud-messaging/connection-server";
import { defined, isTopicName } from "@cloud-messaging/core/transport";
import {
  ApnsImportRequestSchema,
  instanceIdStatus,
  parseBoundedJson,
  readTopicBatch,
  wireStringFor,
} from "@cloud-messaging/core/wire";
import type { EmulatorRoute } from "../emulator-http.ts";
import { viewOf } from "../model/devices.ts";
import { MAX_TOPICS } from "../model/service.ts";
import { admits, isMalformed } from "../model/token-rules.ts";
import { unauthorizedManagement } from "./credentials.ts";
import { type EndpointContext, type HttpEndpoint, withFaults } from "./endpoint.ts";

const HOSTS = ["iid.googleapis.com"];
/** Tokens per import. Source: docs/emulator-fidelity.md#instance-id */
const MAX_IMPORT = 100;

const PLATFORM_WORDS: Readonly<Record<Platform, string>> = { android: "ANDROID", ios: "IOS", web: "CHROME" };

/** The Instance ID service: what is known of a token, topics by token and in batches, APNs import. */
export const instanceIdEndpoint: HttpEndpoint = (context) => {
  const route = (
    method: EmulatorRoute["method"],
    path: string,
    handle: (request: HttpRequest) => HttpAnswer,
  ): EmulatorRoute => ({
    method,
    path,
    hosts: HOSTS,
    before: ({ headers }) => unauthorizedManagement(context.credentials, headers, undefined),
    handle: (request) =>
      withFaults(context.faults, "instance-id", request, '{"results":[{},{}]}', () => handle(request)),
  });
  return [
    route("GET", "/iid/info/:token", (request) => info(context, request)),
    route("POST", "/iid/v1/:token/rel/topics/:topic", (request) => relate(context, request, true)),
    route("DELETE", "/iid/v1/:token/rel/topics/:topic", (request) => relate(context, request, false)),
    route("POST", "/iid/v1::batchAdd", (request) => batch(context, request, true)),
    route("POST", "/iid/v1::batchRemove", (request) => batch(context, request, false)),
    route("POST", "/iid/v1::batchImport", (request) => importApns(context, request)),
  ];
};

function info(context: EndpointContext, request: HttpRequest): HttpAnswer {
  const { params, query } = request;
  const token = params["token"] ?? "";
  if (isMalformed(token)) return jsonAnswer(400, { error: "InvalidToken" });
  const app = context.registry.byToken(token);
  if (app === undefined) return jsonAnswer(404, { error: "No information found about this instance id." });
  if (!admits(app, senderOf(context, request))) return jsonAnswer(403, { error: "PERMISSION_DENIED" });
  const topics = [...app.topics].map(([name, at]) => [name, { addDate: new Date(at).toISOString().slice(0, 10) }]);
  return jsonAnswer(200, {
    application: app.packageName,
    authorizedEntity: [...app.senderIds][0] ?? context.settings.senderId,
    applicationVersion: "1",
    platform: PLATFORM_WORDS[app.device.platform],
    ...(query.get("details") === "true" && topics.length > 0 ? { rel: { topics: Object.fromEntries(topics) } } : {}),
  });
}

function relate(context: EndpointContext, request: HttpRequest, add: boolean): HttpAnswer {
  const { token = "", topic = "" } = request.params;
  if (!isTopicName(topic)) return jsonAnswer(400, { error: "Topic name format is invalid" });
  const error = changeTopic(context, token, topic, add, senderOf(context, request));
  if (error === undefined) return jsonAnswer(200, {});
  return jsonAnswer(instanceIdStatus(error), { error });
}

function batch(context: EndpointContext, request: HttpRequest, add: boolean): HttpAnswer {
  const read = readTopicBatch(request.body);
  if ("error" in read) return jsonAnswer(400, { error: read.error });
  const sender = senderOf(context, request);
  const results = read.tokens.map((token) => {
    return defined({ error: changeTopic(context, token, read.topic, add, sender) });
  });
  return jsonAnswer(200, { results });
}

/** @returns The per-token error, or `undefined` when it was done. */
function changeTopic(
  context: EndpointContext,
  token: string,
  topic: string,
  add: boolean,
  senderId: string | undefined,
): string | undefined {
  const { registry, service, faults, quotas, settings, clock, events } = context;
  const fault = faults.takeRefusal("instance-id", [token]);
  if (fault !== undefined) return fault.word ?? wireStringFor("instanceId", fault.code) ?? "INTERNAL";
  if (isMalformed(token)) return "INVALID_ARGUMENT";
  if (!quotas.spendTopicChange(senderId ?? settings.senderId)) return "RESOURCE_EXHAUSTED";
  const app = service.apps.appOf(token);
  if (app === undefined) return service.apps.refusalOfUnknown(token) === undefined ? "NOT_FOUND" : "INTERNAL";
  if (!admits(app, senderId)) return "PERMISSION_DENIED";
  if (!add) registry.unsubscribe(app, topic);
  else if (!registry.subscribe(app, topic, clock.now(), MAX_TOPICS)) return "TOO_MANY_TOPICS";
  events.emit({ type: "device", change: add ? "subscribed" : "unsubscribed", device: viewOf(app) });
  return undefined;
}

/** Every APNs token that looks like one becomes a device. */
function importApns(context: EndpointContext, request: HttpRequest): HttpAnswer {
  const parsed = ApnsImportRequestSchema.safeParse(jsonOf(request.body));
  if (!parsed.success || parsed.data.apns_tokens.length > MAX_IMPORT) {
    return jsonAnswer(400, { error: "INVALID_ARGUMENT" });
  }
  const { registry, service, ids, settings, events } = context;
  const senderId = senderOf(context, request) ?? settings.senderId;
  const results = parsed.data.apns_tokens.map((apnsToken) => {
    if (!/^[0-9a-fA-F]{64,200}$/.test(apnsToken) || service.apps.refusalWhenFull() !== undefined) {
      return { apns_token: apnsToken, status: "Internal Server Error" };
    }
    const id = `apns-${ids.hex(12)}`;
    const device = registry.addDevice({ id, name: `imported from APNs: ${apnsToken.slice(0, 8)}`, platform: "ios" });
    const token = ids.token();
    const app = registry.addApp(device, { id, token, packageName: parsed.data.application, senderIds: [senderId] });
    events.emit({ type: "device", change: "created", device: viewOf(app) });
    return { apns_token: apnsToken, status: "OK", registration_token: token };
  });
  return jsonAnswer(200, { results });
}

function senderOf(context: EndpointContext, { headers }: HttpRequest): string | undefined {
  return context.credentials.senderOf(headers.authorization);
}

function jsonOf(text: string): unknown {
  try {
    return parseBoundedJson(text);
  } catch {
    return undefined;
  }
}

import type { HttpAnswer, HttpRequest } from "@cloud-messaging/connection-server";
import { jsonAnswer, senderIdOfHeader } from "@cloud-messaging/connection-server";
import { readDeviceGroupRequest } from "@cloud-messaging/core/wire";
import type { GroupAnswer } from "../model/device-groups.ts";
import { unauthorizedManagement } from "./credentials.ts";
import { type EndpointContext, type HttpEndpoint, withFaults } from "./endpoint.ts";

const HOSTS = ["fcm.googleapis.com", "android.googleapis.com", "gcm-http.googleapis.com"];
const SAMPLE = '{"notification_key":"APA91b-sample"}';

/**
 * Device groups: create, add, remove, look up. `/gcm/notification` and `/fcm/notification` with a key or an access token;
 * `/gcm/googlenotification` for apps themselves, with an `id_token` in the body.
 */
export const deviceGroupsEndpoint: HttpEndpoint = (context) => {
  const routes = ["/gcm/notification", "/fcm/notification"].flatMap((path) =>
    (["POST", "GET"] as const).map((method) => ({
      method,
      path,
      hosts: HOSTS,
      before: ({ headers }: Pick<HttpRequest, "headers">) =>
        unauthorizedManagement(context.credentials, headers, senderIdOfHeader(headers)),
      handle: (request: HttpRequest) =>
        withFaults(context.faults, "device-groups", request, SAMPLE, (whole) =>
          method === "GET" ? lookUp(context, whole) : change(context, whole),
        ),
    })),
  );
  return [
    ...routes,
    {
      method: "POST",
      path: "/gcm/googlenotification",
      hosts: HOSTS,
      handle: (request) =>
        withFaults(context.faults, "device-groups", request, SAMPLE, (whole) => changeByApp(context, whole)),
    },
  ];
};

function change(context: EndpointContext, request: HttpRequest): HttpAnswer {
  const senderId = senderIdOfHeader(request.headers);
  if (senderId === undefined) return refusal("project_id header is missing or not a sender ID");
  const read = readDeviceGroupRequest(request.body);
  if ("error" in read) return refusal(read.error);
  const { operation, notification_key_name: name, notification_key: key, registration_ids: tokens } = read.request;
  const { groups } = context;
  switch (operation) {
    case "create":
      if (name === undefined || name === "") return refusal("notification_key_name is missing");
      return noRoom(context, tokens) ?? answer(context, groups.create(senderId, name, tokens));
    case "add":
      if (key === undefined) return refusal("notification_key is missing");
      return noRoom(context, tokens) ?? answer(context, groups.add(senderId, key, name, tokens));
    case "remove":
      if (key === undefined) return refusal("notification_key is missing");
      return answer(context, groups.remove(senderId, key, name, tokens));
  }
}

/** Change by an app: adds or removes one token. Adding creates a missing group. */
function changeByApp(context: EndpointContext, request: HttpRequest): HttpAnswer {
  const senderId = senderIdOfHeader(request.headers);
  if (senderId === undefined) return refusal("project_id header is missing or not a sender ID");
  const read = readDeviceGroupRequest(request.body);
  if ("error" in read) return refusal(read.error);
  const { operation, notification_key_name: name, registration_ids: tokens, id_token: idToken } = read.request;
  if (idToken === undefined || idToken === "") return { ...refusal("id_token is missing"), status: 401 };
  if (name === undefined || name === "") return refusal("notification_key_name is missing");
  if (operation === "create" || tokens.length !== 1) return refusal("only add and remove of one token are possible");
  const { groups } = context;
  const full = operation === "add" ? noRoom(context, tokens) : undefined;
  if (full !== undefined) return full;
  const known = groups.find(senderId, name);
  if (known === undefined) {
    return operation === "add"
      ? answer(context, groups.create(senderId, name, tokens))
      : refusal("notification_key not found");
  }
  const key = known.keys.at(-1) as string;
  return answer(
    context,
    operation === "add" ? groups.add(senderId, key, name, tokens) : groups.remove(senderId, key, name, tokens),
  );
}

function lookUp(context: EndpointContext, request: HttpRequest): HttpAnswer {
  const senderId = senderIdOfHeader(request.headers);
  if (senderId === undefined) return refusal("project_id header is missing or not a sender ID");
  const name = request.query.get("notification_key_name");
  if (name === null || name === "") return refusal("notification_key_name is missing");
  const group = context.groups.find(senderId, name);
  return answer(context, group === undefined ? { error: "notification_key not found" } : { group });
}

function answer(context: EndpointContext, result: GroupAnswer): HttpAnswer {
  if ("error" in result) return refusal(result.error);
  const { group } = result;
  context.events.emit({ type: "group", name: group.name, senderId: group.senderId, members: group.members.size });
  return jsonAnswer(200, { notification_key: group.keys.at(-1) });
}

/** Answer 503 for a token that is unknown only because of `maxDevices`; `undefined` otherwise. Without it, the group would lose the token. */
function noRoom({ service }: EndpointContext, tokens: readonly string[]): HttpAnswer | undefined {
  for (const token of tokens) {
    const full = service.apps.refusalOfUnknown(token);
    if (full !== undefined) return jsonAnswer(503, { error: full.detail });
  }
  return undefined;
}

function refusal(error: string): HttpAnswer {
  return jsonAnswer(400, { error });
}

import {
  type HttpAnswer,
  type HttpMethod,
  type HttpRequest,
  type HttpRoute,
  jsonAnswer,
  keyOfHeader,
  senderIdOfHeader,
} from "@cloud-messaging/connection-server";
import type { Clock } from "@cloud-messaging/core";
import { elapsedMs } from "@cloud-messaging/core/transport";
import type { GatewayEvent } from "../event.ts";
import type { KnownClient, Logins } from "../logins.ts";
import { unavailable } from "./answer.ts";
import type { ManagementClients } from "./clients.ts";
import { changeGroup, DEVICE_GROUP_PATHS, findGroup } from "./device-groups.ts";
import { changeTopic, changeTopics, lookUp, type TopicChange } from "./instance-id.ts";

/** Parts of the management routes. */
export interface ManagementParts {
  readonly logins: Logins;
  readonly clients: ManagementClients;
  readonly answerTimeoutMs: number;
  readonly onEvent: (event: GatewayEvent) => void;
  readonly clock: Clock;
}

type Call = (client: KnownClient, request: HttpRequest) => Promise<HttpAnswer>;

/** Key of the request's values: the client, once it has logged in. */
const CLIENT = Symbol("client");

/**
 * Creates the routes of device groups and of Instance ID topics: each call of a client, with its API key, is passed on with the credential of
 * its project.
 */
export function managementRoutes(parts: ManagementParts): readonly HttpRoute[] {
  const { clients, answerTimeoutMs } = parts;
  const groupRoute = (method: HttpMethod, path: string, call: typeof changeGroup): HttpRoute => ({
    ...guarded(parts, "device-groups", method, path, ({ options: { project } }, request) =>
      call(clients.groups(project, senderIdOfHeader(request.headers) as string), request, answerTimeoutMs),
    ),
    before: (head) => {
      const senderId = senderIdOfHeader(head.headers);
      return senderId === undefined
        ? jsonAnswer(400, { error: "project_id header is missing or not a sender ID" })
        : logIn(parts, head, senderId);
    },
  });
  const topicRoute = (
    method: HttpMethod,
    path: string,
    call: (topics: ReturnType<ManagementClients["topics"]>, request: HttpRequest) => Promise<HttpAnswer>,
  ): HttpRoute =>
    guarded(parts, "instance-id", method, path, ({ options: { project } }, request) =>
      call(clients.topics(project), request),
    );
  const change = (kind: TopicChange): readonly HttpRoute[] => [
    topicRoute("POST", kind === "subscribe" ? "/iid/v1::batchAdd" : "/iid/v1::batchRemove", (topics, request) =>
      changeTopics(topics, kind, request, answerTimeoutMs),
    ),
    topicRoute(kind === "subscribe" ? "POST" : "DELETE", "/iid/v1/:token/rel/topics/:topic", (topics, request) =>
      changeTopic(topics, kind, request, answerTimeoutMs),
    ),
  ];
  return [
    ...DEVICE_GROUP_PATHS.flatMap((path) => [
      groupRoute("POST", path, changeGroup),
      groupRoute("GET", path, findGroup),
    ]),
    ...change("subscribe"),
    ...change("unsubscribe"),
    topicRoute("GET", "/iid/info/:token", (topics, request) => lookUp(topics, request, answerTimeoutMs)),
  ];
}

/** A route that knows its client, holds it to its rate, and tells of each answer. */
function guarded(
  parts: ManagementParts,
  service: "device-groups" | "instance-id",
  method: HttpMethod,
  path: string,
  call: Call,
): HttpRoute {
  const { clock, onEvent } = parts;
  return {
    method,
    path,
    before: (head) => logIn(parts, head),
    async handle(request) {
      const client = request.locals.get(CLIENT) as KnownClient;
      const startedAt = clock.monotonic();
      const waitMs = client.rate?.take() ?? 0;
      const answer = waitMs > 0 ? unavailable(String(Math.ceil(waitMs / 1000))) : await call(client, request);
      const { name, project } = client.options;
      const tookMs = elapsedMs(clock, startedAt);
      onEvent({ type: "management", client: name, project, service, status: answer.status, tookMs });
      return answer;
    },
  };
}

function logIn(
  { logins }: ManagementParts,
  { headers, remoteAddress, locals }: Parameters<NonNullable<HttpRoute["before"]>>[0],
  senderId?: string,
): HttpAnswer | undefined {
  const secret = keyOfHeader(headers.authorization) ?? "";
  const login = { protocol: "gcm-http", kind: "api-key", secret, remoteAddress } as const;
  const known = logins.check(senderId === undefined ? login : { ...login, senderId });
  if ("kind" in known) {
    return known.code === "authentication-failed"
      ? jsonAnswer(401, { error: "Unauthorized" })
      : unavailable(known.retryAfter);
  }
  locals.set(CLIENT, known);
  return undefined;
}

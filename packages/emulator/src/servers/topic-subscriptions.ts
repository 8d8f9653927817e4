import type { HttpAnswer, HttpRequest } from "@cloud-messaging/connection-server";
import {
  bearerOfHeader,
  FCM_V1_HOSTS,
  failureAnswer,
  jsonAnswer,
  refusalAnswer,
  unauthenticatedAnswer,
} from "@cloud-messaging/connection-server";
import { isTopicName } from "@cloud-messaging/core/transport";
import type { EmulatorRoute } from "../emulator-http.ts";
import type { AppInstance } from "../model/app-instance.ts";
import { viewOf } from "../model/devices.ts";
import { MAX_TOPICS } from "../model/service.ts";
import { type EndpointContext, type HttpEndpoint, withFaults } from "./endpoint.ts";

const BASE = "/v1/projects/:project/registrations/:registration/topicSubscriptions";

/** Topic subscriptions as of 2026: one registration and one topic per call. Source: docs/protocol/fcm-v1.md#topics */
export const topicSubscriptionsEndpoint: HttpEndpoint = (context) => {
  const route = (
    method: EmulatorRoute["method"],
    path: string,
    handle: (request: HttpRequest, app: AppInstance) => HttpAnswer,
  ): EmulatorRoute => ({
    method,
    path,
    hosts: FCM_V1_HOSTS,
    before: ({ headers }) => {
      const token = bearerOfHeader(headers.authorization);
      if (token === undefined) return unauthenticatedAnswer("missing");
      return context.credentials.checkBearer(token) ? undefined : unauthenticatedAnswer("invalid");
    },
    handle: (request) =>
      withFaults(context.faults, "instance-id", request, '{"topic_name":"news"}', () => {
        const registration = request.params["registration"] ?? "";
        const fault = context.faults.takeRefusal("instance-id", [registration]);
        if (fault !== undefined) return refusalAnswer(fault);
        if (method !== "GET" && !context.quotas.spendTopicChange(request.params["project"] ?? "")) return tooMany();
        const creates = method === "POST" || method === "PATCH";
        const app = creates ? context.service.apps.appOf(registration) : context.registry.byToken(registration);
        if (app !== undefined) return handle(request, app);
        const full = creates ? context.service.apps.refusalOfUnknown(registration) : undefined;
        return full === undefined ? notFound() : refusalAnswer(full);
      }),
  });
  return [
    route("POST", BASE, (request, app) => {
      const topic = request.query.get("topic_name") ?? request.query.get("topicName") ?? "";
      if (app.topics.has(topic)) return alreadyExists();
      return subscribe(context, request, app, topic);
    }),
    route("PATCH", `${BASE}/:topic`, (request, app) => {
      const topic = request.params["topic"] ?? "";
      if (!app.topics.has(topic) && !allowsMissing(request)) return notFound();
      return subscribe(context, request, app, topic);
    }),
    route("DELETE", `${BASE}/:topic`, (request, app) => {
      const topic = request.params["topic"] ?? "";
      if (!app.topics.has(topic) && !allowsMissing(request)) return notFound();
      context.registry.unsubscribe(app, topic);
      context.events.emit({ type: "device", change: "unsubscribed", device: viewOf(app) });
      return jsonAnswer(200, {});
    }),
    route("GET", `${BASE}/:topic`, (request, app) => {
      const topic = request.params["topic"] ?? "";
      return app.topics.has(topic) ? jsonAnswer(200, resource(request, app, topic)) : notFound();
    }),
    route("GET", BASE, (request, app) =>
      jsonAnswer(200, { topic_subscriptions: [...app.topics.keys()].map((topic) => resource(request, app, topic)) }),
    ),
  ];
};

function subscribe(context: EndpointContext, request: HttpRequest, app: AppInstance, topic: string): HttpAnswer {
  if (!isTopicName(topic)) {
    return failureAnswer({ http: 400, status: "INVALID_ARGUMENT", message: "The topic name is not valid" });
  }
  if (!context.registry.subscribe(app, topic, context.clock.now(), MAX_TOPICS)) {
    return failureAnswer({ http: 400, status: "FAILED_PRECONDITION", message: "TOO_MANY_TOPICS" });
  }
  context.events.emit({ type: "device", change: "subscribed", device: viewOf(app) });
  return jsonAnswer(200, resource(request, app, topic));
}

function resource({ params }: HttpRequest, app: AppInstance, topic: string) {
  const at = app.topics.get(topic) ?? 0;
  return {
    name: `projects/${params["project"]}/registrations/${params["registration"]}/topicSubscriptions/${topic}`,
    topic_name: topic,
    create_time: new Date(at).toISOString(),
  };
}

function allowsMissing({ query }: HttpRequest): boolean {
  return (query.get("allow_missing") ?? query.get("allowMissing")) === "true";
}

function notFound(): HttpAnswer {
  return failureAnswer({ http: 404, status: "NOT_FOUND", message: "Requested entity was not found." });
}

function tooMany(): HttpAnswer {
  return failureAnswer({
    http: 429,
    status: "RESOURCE_EXHAUSTED",
    message: "Too many changes of topic subscriptions.",
  });
}

function alreadyExists(): HttpAnswer {
  return failureAnswer({ http: 409, status: "ALREADY_EXISTS", message: "Requested entity already exists" });
}

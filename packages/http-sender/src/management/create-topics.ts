import { systemClock } from "@cloud-messaging/core";
import { defined, readOptions, requireOptions } from "@cloud-messaging/core/transport";
import type { z } from "zod";
import { atEmulator } from "../common/emulator-environment.ts";
import { parseEndpoint } from "../common/endpoint.ts";
import { createHttpClient } from "../http/http.ts";
import { createAuthorization } from "./authorization.ts";
import { invalidArgument, ManagementClient } from "./client.ts";
import { createInstanceIdBackend } from "./instance-id.ts";
import {
  type InstanceIdOptions,
  instanceIdOptionsSchema,
  type ManagementCredentials,
  type TopicSubscriptionsOptions,
  topicSubscriptionsOptionsSchema,
} from "./options.ts";
import { createTopicSubscriptionsBackend } from "./topic-subscriptions.ts";
import type { InstanceIdTopics, Topics } from "./topics.ts";

/**
 * Creates a client of topic management over the Instance ID service or the topic-subscription service of 2026. Transient failures and
 * requests without an answer are retried; the rest of them is `retryable` or `ambiguous`.
 *
 * @example
 * ```ts
 * import { createTopics } from "@cloud-messaging/http-sender";
 *
 * await using topics = createTopics({ backend: "topic-subscriptions", credential: "service-account.json" });
 * const { outcomes } = await topics.subscribe("news", ["token-of-a-phone"]);
 * ```
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function createTopics(options: InstanceIdOptions): InstanceIdTopics;
export function createTopics(options: TopicSubscriptionsOptions): Topics;
export function createTopics(options: InstanceIdOptions | TopicSubscriptionsOptions): Topics {
  const given = requireOptions(options);
  switch (given.backend) {
    case "instance-id":
      return createInstanceIdBackend(
        connect(readOptions(instanceIdOptionsSchema, atEmulator(given, "", "topics") ?? given, "an option of topics"), [
          "access_token_auth",
          "true",
        ]).client,
      );
    case "topic-subscriptions": {
      const settings = readOptions(
        topicSubscriptionsOptionsSchema,
        atEmulator(given, "", "topics") ?? given,
        "an option of topics",
      );
      const { client, projectId } = connect({ ...settings, apiKey: undefined }, []);
      const project = settings.projectId ?? projectId;
      if (project !== undefined) return createTopicSubscriptionsBackend(client, project, settings.maxConnections);
      throw invalidArgument("projectId", "is missing, and the credential does not say which project it belongs to");
    }
    default:
      throw invalidArgument("backend", 'must be "instance-id" or "topic-subscriptions"');
  }
}

type Settings = z.output<typeof instanceIdOptionsSchema | typeof topicSubscriptionsOptionsSchema> & {
  readonly apiKey?: string | undefined;
};

function connect(settings: Settings, bearerHeaders: readonly string[]) {
  const { endpoint: address, backend: name, apiKey, credential } = settings;
  const endpoint = parseEndpoint(address, settings.allowInsecure);
  if (endpoint.path !== "/") throw invalidArgument("endpoint", "must be an origin, without a path");
  const clock = settings.clock ?? systemClock;
  const authorization = createAuthorization({
    tls: settings.tls,
    proxy: settings.proxy,
    timeoutMs: settings.requestTimeoutMs,
    allowInsecure: settings.allowInsecure,
    ...defined({ apiKey, credential: credential as ManagementCredentials["credential"] }),
    clock,
    transport: name,
    bearerHeaders,
  });
  const client = new ManagementClient({
    name,
    clock,
    origin: endpoint.origin,
    host: endpoint.host,
    http: createHttpClient({
      ...settings,
      transport: name,
      timeoutMs: settings.requestTimeoutMs,
      origin: endpoint.origin,
    }),
    authorization,
    headers: [],
    retry: settings.retry,
    vocabulary: name === "instance-id" ? "instanceId" : "fcmV1",
  });
  return { client, projectId: authorization.projectId };
}

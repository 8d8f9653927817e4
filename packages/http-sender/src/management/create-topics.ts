import { readOptions, requireOptions } from "@cloud-messaging/core/transport";
import { atEmulator } from "../common/emulator-environment.ts";
import { type Endpoint, parseEndpoint } from "../common/endpoint.ts";
import { invalidArgument } from "./client.ts";
import { connect } from "./connect.ts";
import { createInstanceIdBackend } from "./instance-id.ts";
import {
  type InstanceIdOptions,
  instanceIdOptionsSchema,
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
    case "instance-id": {
      const settings = readOptions(
        instanceIdOptionsSchema,
        atEmulator(given, "", "topics") ?? given,
        "an option of topics",
      );
      const { client } = connect(settings, {
        name: "instance-id",
        endpoint: originOf(settings.endpoint, settings.allowInsecure),
        headers: [],
        bearerHeaders: ["access_token_auth", "true"],
        vocabulary: "instanceId",
      });
      return createInstanceIdBackend(client);
    }
    case "topic-subscriptions": {
      const settings = readOptions(
        topicSubscriptionsOptionsSchema,
        atEmulator(given, "", "topics") ?? given,
        "an option of topics",
      );
      const { client, projectId } = connect(settings, {
        name: "topic-subscriptions",
        endpoint: originOf(settings.endpoint, settings.allowInsecure),
        headers: [],
        bearerHeaders: [],
        vocabulary: "fcmV1",
      });
      const project = settings.projectId ?? projectId;
      if (project !== undefined) return createTopicSubscriptionsBackend(client, project, settings.maxConnections);
      throw invalidArgument("projectId", "is missing, and the credential does not say which project it belongs to");
    }
    default:
      throw invalidArgument("backend", 'must be "instance-id" or "topic-subscriptions"');
  }
}

/** Reads an address without a path. */
function originOf(address: string | URL, allowInsecure: boolean): Endpoint {
  const endpoint = parseEndpoint(address, allowInsecure);
  if (endpoint.path !== "/") throw invalidArgument("endpoint", "must be an origin, without a path");
  return endpoint;
}

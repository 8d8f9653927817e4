import { type SendReport, systemClock } from "@cloud-messaging/core";
import { defined, readOptions, requireOptions } from "@cloud-messaging/core/transport";
import type { z } from "zod";
import { atEmulator } from "../common/emulator-environment.ts";
import { parseEndpoint } from "../common/endpoint.ts";
import { createHttpClient } from "../http/http.ts";
import { createAuthorization } from "./authorization.ts";
import { type CallOptions, type FailedOutcome, invalidArgument, ManagementClient } from "./client.ts";
import { createInstanceIdBackend } from "./instance-id.ts";
import {
  type InstanceIdOptions,
  instanceIdOptionsSchema,
  type ManagementCredentials,
  type TopicSubscriptionsOptions,
  topicSubscriptionsOptionsSchema,
} from "./options.ts";
import { createTopicSubscriptionsBackend } from "./topic-subscriptions.ts";

/** A subscription of one app instance. */
export interface TopicSubscription {
  /** The bare name. */
  readonly topic: string;
  /** Date (Instance ID) or time of the subscription, as the service writes it. */
  readonly addedAt?: string;
}

/** Data of the service about an app instance. */
export interface InstanceInfo {
  readonly topics: readonly TopicSubscription[];
  /** Package name or bundle ID. Instance ID only, as all that follows. */
  readonly application?: string;
  readonly applicationVersion?: string;
  /** Sender ID. */
  readonly authorizedEntity?: string;
  /** `ANDROID`, `IOS`, `CHROME`. */
  readonly platform?: string;
}

/** Success of a look-up. */
export interface InstanceInfoFound {
  readonly kind: "ok";
  readonly info: InstanceInfo;
}

/** Result of a look-up. */
export type InstanceInfoResult = InstanceInfoFound | FailedOutcome;

/** Success for one APNs token. */
export interface ApnsImported {
  readonly kind: "ok";
  readonly recipient: string;
  readonly registrationToken: string;
}

/** Result for one APNs token. */
export type ApnsImportOutcome = ApnsImported | FailedOutcome;

/** APNs tokens to import, and their app. */
export interface ApnsImport {
  /** Bundle ID. */
  readonly application: string;
  /** True for tokens of the sandbox environment. */
  readonly sandbox: boolean;
  /** Any number; sent 100 at a time. */
  readonly apnsTokens: readonly string[];
}

/** Topic subscriptions of app instances, over either of Google's two services. */
export interface Topics extends AsyncDisposable {
  /**
   * Subscribes any number of tokens: one outcome per position, `accepted` when it is subscribed (or was already). A malformed token is
   * `rejected` at its position and affects no other; an empty list gives an empty report. Pass the report to
   * `applyReport` of core/transport to remove unregistered tokens from a store.
   *
   * Subscribing is idempotent: `ambiguous` and `retryable` outcomes are retried under the option `retry`, and may be repeated by the caller.
   *
   * @throws {InvalidOptionsError} the topic is malformed, or there is no list.
   */
  subscribe(topic: string, tokens: readonly string[], options?: CallOptions): Promise<SendReport>;
  /** Unsubscribes likewise; a token that was not subscribed is `accepted`. */
  unsubscribe(topic: string, tokens: readonly string[], options?: CallOptions): Promise<SendReport>;
  /** Looks up the topics and data of one app instance. */
  info(token: string, options?: CallOptions): Promise<InstanceInfoResult>;
  /** Waits for calls in flight and frees the sockets. Every call returns the same promise. */
  close(): Promise<void>;
}

/** Topics and APNs imports over Instance ID. */
export interface InstanceIdTopics extends Topics {
  /** Gets registration tokens for APNs tokens. One outcome per position; malformed ones and an empty list as with `subscribe`. */
  importApns(request: ApnsImport, options?: CallOptions): Promise<readonly ApnsImportOutcome[]>;
}

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

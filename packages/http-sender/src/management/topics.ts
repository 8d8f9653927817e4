import { type SendReport, systemClock } from "@cloud-messaging/core";
import { readOptions } from "@cloud-messaging/core/transport";
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
  /** When it was made, as the service writes it: a day (Instance ID) or a time. */
  readonly addedAt?: string;
}

/** What the service knows of an app instance. */
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

/** A look-up that found something. */
export interface InstanceInfoFound {
  readonly kind: "ok";
  readonly info: InstanceInfo;
}

/** What a look-up found. */
export type InstanceInfoResult = InstanceInfoFound | FailedOutcome;

/** An APNs token that has its registration token now. */
export interface ApnsImported {
  readonly kind: "ok";
  readonly recipient: string;
  readonly registrationToken: string;
}

/** What became of one APNs token. */
export type ApnsImportOutcome = ApnsImported | FailedOutcome;

/** Which app the APNs tokens belong to. */
export interface ApnsImport {
  /** Bundle ID. */
  readonly application: string;
  /** The tokens are of the sandbox environment. */
  readonly sandbox: boolean;
  /** Any number; sent 100 at a time. */
  readonly apnsTokens: readonly string[];
}

/** Subscribes app instances to topics, whichever of Google's two services does it. */
export interface Topics extends AsyncDisposable {
  /**
   * Subscribes any number of tokens: one outcome per position, `accepted` when it is subscribed (or was already). A malformed token is
   * `rejected` at its position and disturbs no other; an empty list gives an empty report. Hand the report to
   * core's `applyReport` to take dead tokens out of a registration store.
   *
   * Subscribing again does no harm, so what is `ambiguous` or `retryable` is tried again as the option `retry` says, and can be given to
   * it again after that.
   *
   * @throws {InvalidOptionsError} the topic is malformed, or there is no list.
   */
  subscribe(topic: string, tokens: readonly string[], options?: CallOptions): Promise<SendReport>;
  /** Unsubscribes likewise; a token that was not subscribed is `accepted`. */
  unsubscribe(topic: string, tokens: readonly string[], options?: CallOptions): Promise<SendReport>;
  /** What the service knows of one app instance. */
  info(token: string, options?: CallOptions): Promise<InstanceInfoResult>;
  /** Lets calls under way settle, frees the sockets. Every call returns the same promise. */
  close(): Promise<void>;
}

/** What Instance ID can do beside topics. */
export interface InstanceIdTopics extends Topics {
  /** Gets registration tokens for APNs tokens. One outcome per position; malformed ones and an empty list as with `subscribe`. */
  importApns(request: ApnsImport, options?: CallOptions): Promise<readonly ApnsImportOutcome[]>;
}

/**
 * Topic management over the Instance ID service or the topic-subscription service of 2026, behind one interface. What failed for a
 * reason that passes, or was written and not answered, is tried again; what is left of it is `retryable` or `ambiguous`.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function createTopics(options: InstanceIdOptions): InstanceIdTopics;
export function createTopics(options: TopicSubscriptionsOptions): Topics;
export function createTopics(options: InstanceIdOptions | TopicSubscriptionsOptions): Topics {
  switch (options?.backend) {
    case "instance-id":
      return createInstanceIdBackend(
        connect(
          readOptions(instanceIdOptionsSchema, atEmulator(options, "", "topics") ?? options, "an option of topics"),
          ["access_token_auth", "true"],
        ).client,
      );
    case "topic-subscriptions": {
      const settings = readOptions(
        topicSubscriptionsOptionsSchema,
        atEmulator(options, "", "topics") ?? options,
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
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(credential === undefined ? {} : { credential: credential as NonNullable<ManagementCredentials["credential"]> }),
    clock,
    transport: name,
    bearerHeaders,
  });
  const client = new ManagementClient({
    name,
    clock,
    origin: endpoint.origin,
    host: endpoint.host,
    http: createHttpClient({ ...settings, timeoutMs: settings.requestTimeoutMs, origin: endpoint.origin }),
    authorization,
    headers: [],
    retry: settings.retry,
    vocabulary: name === "instance-id" ? "instanceId" : "fcmV1",
  });
  return { client, projectId: authorization.projectId };
}

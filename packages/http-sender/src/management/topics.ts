import type { SendReport } from "@cloud-messaging/core";
import type { CallOptions, FailedOutcome } from "./client.ts";

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

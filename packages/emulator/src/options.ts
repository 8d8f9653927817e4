import type { ElementStyle, ValidationStyle } from "@cloud-messaging/connection-server";
import type { Clock, Random } from "@cloud-messaging/core";
import type { Profile } from "./model/profile.ts";
import type { QuotaLimits } from "./model/quotas.ts";
import type { EvictionRule } from "./model/storage.ts";
import type { BucketRules, DeviceRateRules } from "./model/throttling.ts";
import type { ApiKey } from "./servers/credentials.ts";

/** CCS options. */
export interface CcsOptions {
  /** Acknowledges messages automatically. If false, `emulator.ccs.ack()` and `nack()` decide. @defaultValue `true` */
  readonly autoAck?: boolean;
  /** Maximum number of downstream messages in flight per connection; those beyond it are nacked. Range: 1 to 1000. @defaultValue 100 */
  readonly maxPending?: number;
  /** Maximum number of unacknowledged upstream messages per connection. Range: 1 to 1000. @defaultValue 100 */
  readonly upstreamWindow?: number;
  /** Time after which an unacknowledged upstream message or receipt is redelivered. Unit: milliseconds. @defaultValue 10000 */
  readonly upstreamResendMs?: number;
  /** Delay of acks. Unit: milliseconds. @defaultValue 0 */
  readonly ackDelayMs?: number;
  /** Interval of whitespace keep-alives. Unit: milliseconds; `Infinity`: none. @defaultValue 60000 */
  readonly keepAliveMs?: number;
  /** Maximum time that a draining connection stays open. Unit: milliseconds. @defaultValue 10000 */
  readonly drainTimeoutMs?: number;
  /** Idle time-out of a draining connection without pending messages. Unit: milliseconds. @defaultValue 250 */
  readonly drainQuietMs?: number;
  /** Maximum number of connections per sender; further ones are refused when they bind. GCM allowed 1000, FCM 2500. @defaultValue `Infinity` */
  readonly maxConnectionsPerSender?: number;
  /** Maximum number of new connections per minute and sender; further ones are refused when they bind. FCM allowed 400. @defaultValue `Infinity` */
  readonly newConnectionsPerMinute?: number;
  /** Time-out of the login. Unit: milliseconds. @defaultValue 10000 */
  readonly loginTimeoutMs?: number;
  /** Element of acks, nacks and control messages. @defaultValue `data:gcm`, as observed on the live service */
  readonly elementStyle?: ElementStyle;
  /** Appends characters to the requested resource, as observed on the live service. @defaultValue `true` */
  readonly resourceSuffix?: boolean;
}

/** Throttling of deliveries. */
export interface ThrottlingOptions {
  /** Limit per app and collapse key. `false`: none. @defaultValue bursts of 20, one more every 3 minutes, as FCM published */
  readonly collapsible?: BucketRules | false;
  /** Limit of all non-collapsible messages of an app; the service never published one. @defaultValue `false` */
  readonly nonCollapsible?: BucketRules | false;
  /** Limit of messages to one device, beyond which they are refused; FCM published 240 a minute and 5000 an hour. @defaultValue `false` */
  readonly perDevice?: DeviceRateRules | false;
}

/**
 * Quotas and rate limits of a project. FCM published figures for most of them; all are off by default, so that load tests are
 * possible. They can be changed while the emulator runs: `emulator.quotas`.
 */
export type QuotaOptions = { readonly [Name in keyof QuotaLimits]?: QuotaLimits[Name] };

/** Server certificate of your own. */
export interface TlsOptions {
  /** Certificate, followed by intermediate certificates. PEM. It has to name the hosts that clients connect to. */
  readonly cert: string;
  /** Private key without a passphrase. PEM. */
  readonly key: string;
  /** CA that clients have to trust, as `caCertificate` and the CA file return it. PEM. @defaultValue `cert`, for a self-signed certificate */
  readonly ca?: string;
}

/** Options of `startEmulator`. All are optional. */
export interface EmulatorOptions {
  /** Address to listen on. Other than loopback, it is reachable by other machines. @defaultValue `127.0.0.1` */
  readonly host?: string;
  /** Port of HTTP, control API and inbox. 0: any free port. @defaultValue 0 */
  readonly httpPort?: number;
  /** Port of HTTPS, for HTTP/1.1 and HTTP/2. 0: any free port; `false`: none. @defaultValue 0 */
  readonly httpsPort?: number | false;
  /** Port of CCS. 0: any free port; `false`: none. @defaultValue 0 */
  readonly ccsPort?: number | false;
  /** Clock of service and network. @defaultValue the system clock */
  readonly clock?: Clock;
  /** Source of random numbers, for tokens, IDs and random faults. @defaultValue `Math.random` */
  readonly random?: Random;
  /** Profile: the years of the service to emulate. @defaultValue `fcm-legacy` */
  readonly profile?: Profile;
  /** Form of the answer when a whole HTTP request fails. @defaultValue `live` */
  readonly validationStyle?: ValidationStyle;
  /** Valid API keys; with a `senderId`, valid for that sender only. Empty: any key. @defaultValue empty */
  readonly apiKeys?: readonly (string | ApiKey)[];
  /** Registers a device for each unknown token. @defaultValue `false` */
  readonly autoRegister?: boolean;
  /** Sender ID of devices without one, and of `ccsOptions()`. Digits. @defaultValue `1234567890` */
  readonly senderId?: string;
  /** Rejects `close()` if a client violated the protocol, so that a test fails. @defaultValue `false` */
  readonly strict?: boolean;
  /** Uses multicast and topic message IDs above 2^53. @defaultValue `true` */
  readonly wideIds?: boolean;
  /** Accepts `time_to_live` as a string of digits. @defaultValue `false` */
  readonly lenientNumbers?: boolean;
  /** Answers a group message that reached no device with counts instead of 503. @defaultValue `false` */
  readonly groupFailureCounts?: boolean;
  /** Collapse key that is dropped when a fifth one is stored. @defaultValue `oldest` */
  readonly eviction?: EvictionRule;
  /** Maximum number of collapse keys stored per app. Range: 1 to 100. @defaultValue 4 */
  readonly collapseKeyLimit?: number;
  /** Maximum number of non-collapsible messages stored per app. Range: 1 to 10000. @defaultValue 100 */
  readonly storageLimit?: number;
  /** Throttling of deliveries. @defaultValue collapsible messages as FCM published, no other */
  readonly throttling?: ThrottlingOptions;
  /** Quotas and rate limits of projects. @defaultValue none */
  readonly quotas?: QuotaOptions;
  /** Time for which messages to an uninstalled app are still accepted after the service has noticed. Unit: milliseconds. @defaultValue 0 */
  readonly uninstallDetectionDelayMs?: number;
  /** Lifetime of superseded tokens. Unit: milliseconds. @defaultValue `Infinity` */
  readonly supersededLifetimeMs?: number;
  /** Maximum number of captured messages; the oldest are dropped. Range: 1 to 1000000. @defaultValue 10000 */
  readonly maxMessages?: number;
  /** Maximum number of devices. Range: 1 to 1000000. @defaultValue 100000 */
  readonly maxDevices?: number;
  /** Additional names and addresses of the server certificate. @defaultValue none */
  readonly certificateNames?: readonly string[];
  /** Certificate for HTTPS and CCS. @defaultValue a generated one, or the one in the state file */
  readonly tls?: TlsOptions;
  /**
   * Origins whose pages may use the control API, such as `http://push.example.com:8080`: needed for the inbox behind a proxy that forwards
   * another host name than the browser requested. @defaultValue none
   */
  readonly allowedOrigins?: readonly string[];
  /** Time-out of a client's TLS handshake and request headers. Unit: milliseconds. @defaultValue 10000 */
  readonly patienceMs?: number;
  /**
   * File for devices, groups, messages and certificates: read at start if it exists, written within two seconds of every change and at
   * close. `FILE.lock` beside it locks it for one emulator. @defaultValue none
   */
  readonly stateFile?: string;
  /** CCS options. */
  readonly ccs?: CcsOptions;
}

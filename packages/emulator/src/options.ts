import type { ValidationStyle } from "@cloud-messaging/connection-server";
import type { Clock, Random } from "@cloud-messaging/core";
import type { Profile } from "./model/profile.ts";
import type { QuotaLimits } from "./model/quotas.ts";
import type { EvictionRule } from "./model/storage.ts";
import type { BucketRules, DeviceRateRules } from "./model/throttling.ts";
import type { ElementStyle } from "./servers/ccs-stanzas.ts";
import type { ApiKey } from "./servers/credentials.ts";

/** How CCS behaves. */
export interface CcsOptions {
  /** Whether messages are answered by themselves. Otherwise `emulator.ccs.ack()` and `nack()` decide. @defaultValue `true` */
  readonly autoAck?: boolean;
  /** Unanswered downstream messages that a connection may have; more are nacked. Range: 1 to 1000. @defaultValue 100 */
  readonly maxPending?: number;
  /** Unacked upstream messages that a connection is given. Range: 1 to 1000. @defaultValue 100 */
  readonly upstreamWindow?: number;
  /** An unacked upstream message or receipt is written again after so long. Unit: milliseconds. @defaultValue 10000 */
  readonly upstreamResendMs?: number;
  /** How long an ack takes. Unit: milliseconds. @defaultValue 0 */
  readonly ackDelayMs?: number;
  /** A space is sent this often. Unit: milliseconds; `Infinity`: never. @defaultValue 60000 */
  readonly keepAliveMs?: number;
  /** A draining connection ends after so long, whatever is pending. Unit: milliseconds. @defaultValue 10000 */
  readonly drainTimeoutMs?: number;
  /** A draining connection with nothing pending ends after so long without traffic. Unit: milliseconds. @defaultValue 250 */
  readonly drainQuietMs?: number;
  /** Connections that a sender may have; one more is refused when it binds. GCM allowed 1000, FCM 2500. @defaultValue `Infinity` */
  readonly maxConnectionsPerSender?: number;
  /** New connections a minute per sender; more are refused likewise. FCM allowed 400. @defaultValue `Infinity` */
  readonly newConnectionsPerMinute?: number;
  /** Login has to be done in so long. Unit: milliseconds. @defaultValue 10000 */
  readonly loginTimeoutMs?: number;
  /** The element of acks, nacks and control messages. @defaultValue `data:gcm`, as seen live */
  readonly elementStyle?: ElementStyle;
  /** Whether characters are appended to the resource that was asked for, as seen live. @defaultValue `true` */
  readonly resourceSuffix?: boolean;
}

/** How deliveries are throttled. */
export interface ThrottlingOptions {
  /** Per app and collapse key. `false`: not at all. @defaultValue 20 at once, one more every 3 minutes, as FCM published */
  readonly collapsible?: BucketRules | false;
  /** All non-collapsible messages of an app. The grant was never published. @defaultValue `false` */
  readonly nonCollapsible?: BucketRules | false;
  /** Messages to one device, refused beyond; FCM published 240 a minute and 5000 an hour. @defaultValue `false` */
  readonly perDevice?: DeviceRateRules | false;
}

/**
 * What a project may do, and how fast. FCM published figures for most of it; nothing is limited unless it is asked for, so that a load
 * test is possible. All of them can be changed while the emulator runs: `emulator.quotas`.
 */
export type QuotaOptions = { readonly [Name in keyof QuotaLimits]?: QuotaLimits[Name] };

/** Certificate of one's own. */
export interface TlsOptions {
  /** Certificate, followed by those between it and the CA. PEM. It has to name the hosts that clients connect to. */
  readonly cert: string;
  /** Its private key, without a passphrase. PEM. */
  readonly key: string;
  /** CA that clients have to trust, as `caCertificate` and the CA file give it. PEM. @defaultValue `cert`, good for a self-signed one */
  readonly ca?: string;
}

/** What to listen on and how to behave. Everything has a default. */
export interface EmulatorOptions {
  /** Address to listen on. Anything but loopback lets others in. @defaultValue `127.0.0.1` */
  readonly host?: string;
  /** HTTP, control API and inbox. 0: any free port. @defaultValue 0 */
  readonly httpPort?: number;
  /** HTTPS, with HTTP/1.1 and HTTP/2. 0: any free port; `false`: none. @defaultValue 0 */
  readonly httpsPort?: number | false;
  /** CCS. 0: any free port; `false`: none. @defaultValue 0 */
  readonly ccsPort?: number | false;
  /** Time for the service and the network. @defaultValue the machine's */
  readonly clock?: Clock;
  /** Chance, for tokens, IDs and random faults. @defaultValue `Math.random` */
  readonly random?: Random;
  /** Which years' service to be. @defaultValue `fcm-legacy` */
  readonly profile?: Profile;
  /** How failures of a whole HTTP request are answered. @defaultValue `live` */
  readonly validationStyle?: ValidationStyle;
  /** API keys that are good; with a `senderId`, only for that sender. Empty: any key. @defaultValue empty */
  readonly apiKeys?: readonly (string | ApiKey)[];
  /** Whether an unknown token becomes a new device. @defaultValue `false` */
  readonly autoRegister?: boolean;
  /** The sender of devices made without one, and of `ccsOptions()`. Digits. @defaultValue `1234567890` */
  readonly senderId?: string;
  /** Whether `close()` rejects when a client broke a rule of the protocol: a test that ends with it fails. @defaultValue `false` */
  readonly strict?: boolean;
  /** Whether multicast and topic message IDs lie above 2^53. @defaultValue `true` */
  readonly wideIds?: boolean;
  /** Whether `time_to_live` may be digits in a string. @defaultValue `false` */
  readonly lenientNumbers?: boolean;
  /** Whether a group message that reached nobody is answered with counts rather than with 503. @defaultValue `false` */
  readonly groupFailureCounts?: boolean;
  /** Which collapse key goes when a fifth is stored. @defaultValue `oldest` */
  readonly eviction?: EvictionRule;
  /** Collapse keys stored per app. Range: 1 to 100. @defaultValue 4 */
  readonly collapseKeyLimit?: number;
  /** Non-collapsible messages stored per app. Range: 1 to 10000. @defaultValue 100 */
  readonly storageLimit?: number;
  /** How deliveries are throttled. @defaultValue collapsible messages as FCM published, nothing else */
  readonly throttling?: ThrottlingOptions;
  /** What a project may do, and how fast. @defaultValue no limits */
  readonly quotas?: QuotaOptions;
  /** How long an app found uninstalled still gets messages accepted. Unit: milliseconds. @defaultValue 0 */
  readonly uninstallDetectionDelayMs?: number;
  /** How long superseded tokens work. Unit: milliseconds. @defaultValue `Infinity` */
  readonly supersededLifetimeMs?: number;
  /** Captured messages kept; the oldest make room. Range: 1 to 1000000. @defaultValue 10000 */
  readonly maxMessages?: number;
  /** Devices that can be registered. Range: 1 to 1000000. @defaultValue 100000 */
  readonly maxDevices?: number;
  /** Further names and addresses for the server certificate. @defaultValue none */
  readonly certificateNames?: readonly string[];
  /** Certificate of one's own for HTTPS and CCS, in place of a fresh one. @defaultValue a fresh one, or the one in the state file */
  readonly tls?: TlsOptions;
  /**
   * Origins whose pages may use the control API, such as `http://push.example.com:8080`: the address of the inbox behind a proxy that
   * names another host to the emulator than the browser named to it. @defaultValue none
   */
  readonly allowedOrigins?: readonly string[];
  /** How long a client may take over a handshake or a request's headers. Unit: milliseconds. @defaultValue 10000 */
  readonly patienceMs?: number;
  /**
   * File that devices, groups, messages and the certificates are read from at the start, when it exists, and written to within two seconds
   * of every change and at the end. One emulator at a time may use it: `FILE.lock` beside it says which. @defaultValue none
   */
  readonly stateFile?: string;
  /** How CCS behaves. */
  readonly ccs?: CcsOptions;
}

import type { Clock } from "@cloud-messaging/core";
import type { OutboxEngine } from "@cloud-messaging/core/transport";
import type { FcmSenderOptions } from "@cloud-messaging/http-sender";
import type { GatewayEvent } from "./event.ts";

/** A client of the gateway: one app server, or several that share a key. */
export interface GatewayClient {
  /** Name of the client in logs, metrics and events. 1 to 64 of the characters a-z A-Z 0-9 - _ . */
  readonly name: string;
  /** Hashes of its API keys, as `hashKey` makes them. Several while a key is being changed. */
  readonly keys: readonly string[];
  /** Project that its messages go to: a name of `projects`. */
  readonly project: string;
  /**
   * Sender ID: it logs in to CCS with it, and its device groups belong to it. Not with `addresses` where CCS is behind a
   * proxy (`trustProxy`, or `ccs` without `tls`) and without the PROXY protocol, which alone names its address. @defaultValue none: no CCS and no device groups
   */
  readonly senderId?: string;
  /** Messages in a minute; what is above is answered `Unavailable` with `Retry-After`. @defaultValue no limit */
  readonly perMinute?: number;
  /** IP addresses and CIDR ranges that it may come from. @defaultValue any */
  readonly addresses?: readonly string[];
}

/** Certificate and private key, PEM. */
export interface GatewayTls {
  readonly cert: string;
  readonly key: string;
}

/**
 * PROXY protocol, version 1 or 2: a proxy begins each connection with a header that names the client's address, before TLS. A list: addresses and
 * CIDR ranges of the proxies; connections from elsewhere are closed. `true`: from anywhere, where nobody but the proxy can reach the port.
 */
export type GatewayProxyProtocol = boolean | readonly string[];

/** Port of health and metrics. */
export interface GatewayOperations {
  /** @defaultValue "127.0.0.1" */
  readonly host?: string;
  readonly port: number;
  /** Messages of a project without a final result, from which `/readyz` is 503; with an outbox, recipients. @defaultValue 100000 */
  readonly maxBacklog?: number;
  /**
   * Time that the messages of a project which wait for its quota will take, from which `/readyz` is 503. Unit: milliseconds. @defaultValue 10000
   */
  readonly maxQuotaWaitMs?: number;
}

/** Options of `createGateway`. */
export interface GatewayOptions {
  /** Options of the FCM sender of each project, by a name of one's own. `timeoutMs` is the gateway's `answerTimeoutMs`. */
  readonly projects: Readonly<Record<string, Omit<FcmSenderOptions, "timeoutMs" | "clock">>>;
  readonly clients: readonly GatewayClient[];
  /** Address to listen on. @defaultValue "127.0.0.1" */
  readonly host?: string;
  /** GCM HTTP. Without `tls` plain HTTP, for a proxy that ends TLS. @defaultValue port 8080, plain HTTP */
  readonly http?:
    | { readonly port?: number; readonly tls?: GatewayTls; readonly proxyProtocol?: GatewayProxyProtocol }
    | false;
  /**
   * CCS over TLS. Without `tls`, for a proxy that ends TLS: then `host` has to be a loopback address, or `proxyProtocol` the list of the proxies.
   * @defaultValue none
   */
  readonly ccs?: { readonly port?: number; readonly tls?: GatewayTls; readonly proxyProtocol?: GatewayProxyProtocol };
  /** Health and metrics, on a port of their own. @defaultValue none */
  readonly operations?: GatewayOperations;
  /**
   * Time limit of an answer: what has not been written to FCM by then is `Unavailable` for its recipient, what has no answer is as `inDoubt`
   * says, and neither is sent later. Shorter than the time limit of the clients. Unit: milliseconds.
   * @defaultValue 25000
   */
  readonly answerTimeoutMs?: number;
  /**
   * Answer for a message that FCM may have accepted. `internal-error`: `InternalServerError`, which clients send again. `accepted`: a message ID.
   * @defaultValue "internal-error"
   */
  readonly inDoubt?: "internal-error" | "accepted";
  /**
   * Durable acks: an answer means that the message is on disk, and it is sent later. `engine` opens the storage of a project, once for each:
   * `createEmbeddedEngine` of `@cloud-messaging/outbox`, for one. The gateway closes it. `answerTimeoutMs` and `inDoubt` do not apply.
   * @defaultValue none: an answer waits for that of FCM
   */
  readonly outbox?: { readonly engine: (project: string) => OutboxEngine | Promise<OutboxEngine> };
  /**
   * Time for which the `message_id` of an accepted CCS message is remembered: a repeat gets the same answer. With an outbox at least that, and
   * at most twice as long. Unit: milliseconds. @defaultValue 600000
   */
  readonly repeatWindowMs?: number;
  /** Failed logins of one address in a minute; further logins are refused unread until a minute has passed. @defaultValue 20 */
  readonly failedLoginsPerMinute?: number;
  /** True behind an HTTP proxy that sets `X-Forwarded-For`. @defaultValue `false` */
  readonly trustProxy?: boolean;
  /**
   * Time limit of a TLS handshake, of a CCS login, and of the headers of an HTTP request; a whole request may take three times as long. The
   * connection of a client that is slower is closed. Unit: milliseconds. Range: whole numbers from 1 to 600000. @defaultValue 10000
   */
  readonly handshakeTimeoutMs?: number;
  /** Time limit of `close()` for messages under way. Unit: milliseconds. @defaultValue 30000 */
  readonly closeTimeoutMs?: number;
  /** Called with each event, synchronously. What it throws is published as a notice, and disturbs no message. */
  readonly onEvent?: (event: GatewayEvent) => void;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

/** Options that a reload can change. */
export interface GatewayChanges {
  readonly clients?: readonly GatewayClient[];
  /** Not if HTTP has been started without TLS, or is off. */
  readonly httpTls?: GatewayTls;
  /** Not if CCS has been started without TLS, or is off. */
  readonly ccsTls?: GatewayTls;
}

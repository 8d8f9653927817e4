import type { Socket } from "node:net";
import type { ServerOptions } from "../ask.ts";
import type { ProxyProtocolOptions } from "../http/proxied-addresses.ts";
import type { IncomingMessage, Refusal } from "../service.ts";
import type { ElementStyle } from "./stanzas.ts";

/** Phase of a connection. */
export type CcsPhase = "login" | "binding" | "online" | "draining" | "closed";

/** One connection of an app server. */
export interface CcsConnection {
  /** Number of the connection, from 1 in the order in which they connected. */
  readonly id: number;
  readonly phase: CcsPhase;
  /** Sender that has logged in; empty before that. */
  readonly senderId: string;
  /** Bound address; empty before that. */
  readonly jid: string;
  /** Downstream messages without an answer. */
  readonly pending: number;
  /** Upstream messages and receipts without an ack. */
  readonly unackedUpstream: number;
  /**
   * Sends `CONNECTION_DRAINING`. The connection ends as soon as every decision under way has been answered, everything upstream has been acked
   * and nothing has moved for `drainQuietMs`; at the latest after `drainTimeoutMs`.
   */
  drain(options?: DrainOptions): void;
  /** Ends it without a word, as a broken network does. */
  cut(options?: CutOptions): void;
}

/** Options of a drain. */
export interface DrainOptions {
  /**
   * Nacks messages that come from now on with `CONNECTION_DRAINING`. Otherwise those that were in the pipeline, a window's worth, are
   * processed. @defaultValue `false`
   */
  readonly nack?: boolean;
}

/** Options of a cut. */
export interface CutOptions {
  /** Reason in the event of the end. @defaultValue `cut` */
  readonly reason?: string;
  /** Writes the answers that are decided before. @defaultValue `false` */
  readonly flush?: boolean;
}

/** An event of a CCS server. */
export type CcsServerEvent =
  | { readonly type: "opened" | "online" | "draining"; readonly connection: CcsConnection }
  | { readonly type: "closed"; readonly connection: CcsConnection; readonly reason: string }
  /** SASL condition of a login that was refused. */
  | { readonly type: "login-refused"; readonly connection: CcsConnection; readonly condition: string }
  | { readonly type: "answered"; readonly connection: CcsConnection; readonly answer: "ack" | "nack" }
  | { readonly type: "stanza-error"; readonly connection: CcsConnection }
  /** A client broke the protocol, or comes near one of its limits. */
  | { readonly type: "violation"; readonly connection?: CcsConnection; readonly detail: string };

/** A downstream message as it was read, and the reason to refuse it. */
export interface ReadDownstream {
  readonly message: IncomingMessage;
  readonly refusal?: Refusal;
}

/** Hooks around the traffic of a CCS server: for fault injection, and for delays. */
export interface CcsHooks {
  /** Looks at a TCP connection, which it may destroy, and again once TLS, if any, has been established, where `true` takes it over from the server. */
  connection?(socket: Socket, stage: "tcp" | "tls"): boolean;
  /** Looks at a downstream message. `proceed()` processes it; without that it stays unanswered. */
  message?(read: ReadDownstream, connection: CcsConnection, proceed: () => void): void;
  /** Looks at an answer that is due. `write()` writes it, at once or later. */
  answer?(connection: CcsConnection, write: () => void): void;
  /** Told before a connection drains or ends: the last opportunity to call `write()`. */
  flush?(connection: CcsConnection): void;
}

/** Options of {@link startCcsServer}. */
export interface CcsServerOptions extends ServerOptions {
  /** Address to listen on. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /**
   * Certificate and private key, PEM. `false`: no TLS, behind a proxy that ends it. Logins are then readable on the way: only over loopback, or a
   * network that nobody else is on.
   */
  readonly tls: { readonly cert: string; readonly key: string } | false;
  /** PROXY protocol before everything else, whose header has the time limit of the handshake. @defaultValue none */
  readonly proxyProtocol?: ProxyProtocolOptions | undefined;
  /** Time limit of the TLS handshake. Unit: milliseconds. @defaultValue 10000 */
  readonly handshakeTimeoutMs?: number;
  /** Time limit from TLS, or without it from the connection, to the bound resource. Unit: milliseconds. @defaultValue 10000 */
  readonly loginTimeoutMs?: number;
  /** Downstream messages that a connection may leave unanswered; further ones are nacked. @defaultValue 100, the protocol's window */
  readonly maxPending?: number;
  /**
   * Decisions under way over all connections. While there are as many, connections with a further message are not read, so that a slow service
   * slows the sockets. @defaultValue 1000
   */
  readonly maxConcurrentMessages?: number;
  /** Interval of white space on a silent connection. Unit: milliseconds; `Infinity`: none. @defaultValue 60000 */
  readonly keepAliveMs?: number;
  /** Longest time that a draining connection stays open. Unit: milliseconds. @defaultValue 10000 */
  readonly drainTimeoutMs?: number;
  /** Silence after which a draining connection with nothing unanswered ends. Unit: milliseconds. @defaultValue 250 */
  readonly drainQuietMs?: number;
  /** Connections of one sender; further ones are refused when they bind. GCM allowed 1000, FCM 2500. @defaultValue 2500 */
  readonly maxConnectionsPerSender?: number;
  /** New connections of one sender in a minute, likewise. FCM allowed 400. @defaultValue `Infinity` */
  readonly newConnectionsPerMinute?: number;
  /** Element of acks, nacks and control messages. @defaultValue `data:gcm`, as observed on the live service */
  readonly elementStyle?: ElementStyle;
  /** Appends characters to the requested resource, as observed on the live service. @defaultValue `true` */
  readonly resourceSuffix?: boolean;
  /** True if `time_to_live` may be digits in a string. @defaultValue `false` */
  readonly lenientNumbers?: boolean;
  /** True if a group message that reached nobody is acked with counts rather than nacked. @defaultValue `false` */
  readonly groupFailureCounts?: boolean;
  /** Source of stream IDs and resource suffixes. @defaultValue random hexadecimal digits */
  readonly hexId?: (digits: number) => string;
  /** Called with each event, synchronously. */
  readonly onEvent?: (event: CcsServerEvent) => void;
  readonly hooks?: CcsHooks;
}

import type { Protocol } from "@cloud-messaging/connection-server";
import type { ErrorCode } from "@cloud-messaging/core";

/** Protocol whose recipients can be refused: those for sending, and the topic calls of Instance ID. */
export type FaultEndpoint = Protocol | "instance-id";
/** Protocol whose HTTP answers can be spoiled. */
export type HttpFaultEndpoint = Exclude<Protocol, "ccs"> | "instance-id" | "device-groups";

/** Refusal of the next recipients. */
export interface NextFault {
  /** Recipient that it applies to: a token, `/topics/name` or a group key. Default: any. */
  readonly to?: string;
  /** Alias of `to`. */
  readonly token?: string;
  /** Protocol that it applies to. Default: any for sending. */
  readonly endpoint?: FaultEndpoint;
  /** Name in the error-code table (`unavailable`), or a word of the wire (`QuotaExceeded`), which is answered unchanged. */
  readonly error: ErrorCode | (string & {});
  /** Number of recipients that it applies to. Default 1; `Infinity` until cleared. */
  readonly times?: number;
  /** Retry-After: seconds as text, or a date. */
  readonly retryAfter?: string | { readonly date: Date | number };
  /** `error_description` of the nack. */
  readonly detail?: string;
}

/** Refusal of random recipients. Uses the emulator's `random`, so that a seed reproduces it. */
export interface RandomFault {
  /** Proportion of recipients. Range: 0 to 1. */
  readonly rate: number;
  /** Name in the error-code table, or a word of the wire. */
  readonly error: ErrorCode | (string & {});
  /** Protocol that it applies to. Default: any for sending. */
  readonly endpoint?: FaultEndpoint;
}

/** Answer to a whole HTTP request, of which nothing is accepted. */
export interface RequestFault {
  /** HTTP status. Range: 200 to 599. */
  readonly status: number;
  /** Retry-After: seconds as text, or a date. */
  readonly retryAfter?: string | { readonly date: Date | number };
  /** Body. Default: a short page. */
  readonly body?: string;
  /** Content type. Default `text/html; charset=UTF-8`. */
  readonly contentType?: string;
  /** Number of requests that it applies to. Default 1. */
  readonly times?: number;
  /** Number of requests skipped before the first one. Range: 0 or more. Default 0. */
  readonly after?: number;
  /** Protocol that it applies to. Default: any HTTP protocol. */
  readonly endpoint?: HttpFaultEndpoint;
}

/**
 * Kinds of spoiled HTTP answers.
 * `reset-before-headers`, `reset-after-headers`, `reset-in-body`: connection reset at that point. `close-before-headers`: orderly end without
 * an answer. `hang`: no answer. `truncate`: the body ends before its content length. `html`: 200 with a page.
 * `empty`: 200 without a body. `not-json`: 200 with invalid JSON. `wrong-length`: one result too few. `wrong-type`: the correct body as
 * `text/plain`. `oversized`: 200 with 64 MiB. `garbage`: bytes that are not HTTP. `slow`: the correct answer, delayed by `delayMs`.
 * `reset-after-body`: the whole body, then a reset (RST_STREAM) instead of its end.
 *
 * HTTP/2 only: `goaway`: GOAWAY; with `accept` the request is answered, without it neither it nor
 * later ones are. `refuse-stream`: RST_STREAM with REFUSED_STREAM. `lower-streams`: SETTINGS with `streams` concurrent streams
 * from then on; the request is answered. `close-session`: the session ends at once with every stream unanswered.
 */
export type HttpFaultKind = (typeof HTTP_FAULT_KINDS)[number];
/** Kinds of {@link HttpFaultKind} that exist only over HTTP/2. */
export type Http2FaultKind = Extract<HttpFaultKind, "goaway" | "refuse-stream" | "lower-streams" | "close-session">;

/** All kinds of {@link HttpFaultKind}. */
export const HTTP_FAULT_KINDS = [
  "reset-before-headers",
  "close-before-headers",
  "reset-after-headers",
  "reset-in-body",
  "hang",
  "truncate",
  "html",
  "empty",
  "not-json",
  "wrong-length",
  "wrong-type",
  "oversized",
  "garbage",
  "slow",
  "reset-after-body",
  "goaway",
  "refuse-stream",
  "lower-streams",
  "close-session",
] as const;

/** Spoiled HTTP answer. */
export interface HttpFault {
  /** Kind of fault. */
  readonly kind: HttpFaultKind;
  /**
   * Accepts the messages of the request nevertheless. Default `false`; for `slow`, `goaway` and `lower-streams` `true`.
   * Without it nothing of the request is accepted.
   */
  readonly accept?: boolean;
  /** Delay of a `slow` answer. Unit: milliseconds. Default 1000. */
  readonly delayMs?: number;
  /** Concurrent streams of `lower-streams`. Range: 0 or more. Default 1. */
  readonly streams?: number;
  /** Number of requests that it applies to. Default 1. */
  readonly times?: number;
  /** Number of requests skipped before the first one, over all connections. Range: 0 or more. Default 0. */
  readonly after?: number;
  /** Protocol that it applies to. Default: any HTTP protocol. */
  readonly endpoint?: HttpFaultEndpoint;
}

/** CCS connection that is cut during traffic. */
export interface CutFault {
  /** Number of downstream messages until the cut, over all connections. Range: 1 or more. */
  readonly messages: number;
  /** Cuts before the ack of that message is written. Default `true`. */
  readonly beforeAck?: boolean;
  /** With `beforeAck`: the service has accepted that message. Default `true`. */
  readonly accept?: boolean;
  /** Number of cuts, each after as many messages. Default 1. */
  readonly times?: number;
}

/** CCS connection that drains during traffic. */
export interface DrainFault {
  /** Number of downstream messages until draining, over all connections. Range: 1 or more. */
  readonly messages: number;
  /** Nacks later messages with `CONNECTION_DRAINING`. Default `false`. */
  readonly nack?: boolean;
  /** Number of drains, each after as many messages. Default 1. */
  readonly times?: number;
}

/**
 * Faults of a CCS login. `refuse`: the TCP connection is reset at once. `hang`: nothing is sent after TLS.
 * The others are SASL failures.
 */
export type LoginFaultKind = "refuse" | "hang" | "not-authorized" | "temporary-auth-failure";

/** Failing CCS login. */
export interface LoginFault {
  /** Kind of failure. */
  readonly kind: LoginFaultKind;
  /** Number of logins that it applies to. Default 1. */
  readonly times?: number;
}

/** Armed fault as plain data. */
export interface FaultView {
  /** ID, for `clear()`. */
  readonly id: number;
  /** Short description. */
  readonly fault: string;
  /** Remaining number of uses; -1 for unlimited. */
  readonly left: number;
}

/** Fault injection. Faults apply in the order in which they were armed. */
export interface Faults {
  /** Refuses the next recipients: `faults.next({ token, error: "unavailable", times: 2 })`. */
  next(fault: NextFault): void;
  /** Refuses random recipients. */
  random(fault: RandomFault): void;
  /** Replaces the answers to the next HTTP requests: `faults.nextRequest({ status: 503, retryAfter: "2" })`. */
  nextRequest(fault: RequestFault): void;
  /** Spoils the next HTTP answers. */
  http(fault: HttpFault): void;
  /** Cuts a CCS connection. */
  cutAfter(fault: CutFault): void;
  /** Drains the CCS connection that a message arrives on. */
  drainAfter(fault: DrainFault): void;
  /** Fails CCS logins. */
  login(fault: LoginFault): void;
  /** Armed faults. */
  readonly armed: readonly FaultView[];
  /** Disarms one fault, or all. Returns `false` if there was none. */
  clear(id?: number): boolean;
}

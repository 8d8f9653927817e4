import type { Protocol } from "@cloud-messaging/connection-server";
import type { ErrorCode } from "@cloud-messaging/core";

/** A door that recipients can be refused at: those for sending, and the topic calls of Instance ID. */
export type FaultDoor = Protocol | "instance-id";
/** A door whose HTTP answers can be spoiled. */
export type HttpFaultDoor = Exclude<Protocol, "ccs"> | "instance-id" | "device-groups";

/** A refusal for the next recipients. */
export interface NextFault {
  /** Only to this recipient: a token, `/topics/name`, a group's key. Default: to any. */
  readonly to?: string;
  /** The same, as most tests name it. */
  readonly token?: string;
  /** Only through this door. Default: any for sending. */
  readonly door?: FaultDoor;
  /** A name of the error-code table (`unavailable`), or the wire's own word (`QuotaExceeded`), which is then answered as it is. */
  readonly error: ErrorCode | (string & {});
  /** How many recipients it meets. Default 1; `Infinity` until cleared. */
  readonly times?: number;
  /** Retry-After that goes with it: seconds as text, or when. */
  readonly retryAfter?: string | { readonly date: Date | number };
  /** Words for a nack's `error_description`. */
  readonly detail?: string;
}

/** A refusal of recipients at random, from the emulator's own `random`, so that a seed repeats it. */
export interface RandomFault {
  /** The share of recipients it meets. Range: 0 to 1. */
  readonly rate: number;
  /** A name of the error-code table, or the wire's own word. */
  readonly error: ErrorCode | (string & {});
  /** Only through this door. Default: any for sending. */
  readonly door?: FaultDoor;
}

/** An HTTP answer for a whole request, whatever is in it. Nothing of the request is accepted. */
export interface RequestFault {
  /** Range: 200 to 599. */
  readonly status: number;
  /** Seconds as text, or when. */
  readonly retryAfter?: string | { readonly date: Date | number };
  /** Default: a short page. */
  readonly body?: string;
  /** Default `text/html; charset=UTF-8`. */
  readonly contentType?: string;
  /** How many requests it meets. Default 1. */
  readonly times?: number;
  /** Requests that pass before the first one it meets. Range: 0 or more. Default 0. */
  readonly after?: number;
  /** Only at this door. Default: any HTTP door. */
  readonly door?: HttpFaultDoor;
}

/**
 * What can go wrong with an HTTP answer.
 * `reset-before-headers`, `reset-after-headers`, `reset-in-body`: the connection is reset there. `close-before-headers`: it is ended
 * in good order, unanswered. `hang`: no answer, ever. `truncate`: the body ends before its announced length. `html`: 200 with a page.
 * `empty`: 200 with nothing. `not-json`: 200 and JSON in name only. `wrong-length`: one result too few. `wrong-type`: the right body, as
 * `text/plain`. `oversized`: 200 with 64 MiB. `garbage`: bytes that are not HTTP. `slow`: the right answer, `delayMs` late.
 * `reset-after-body`: the whole body arrives, and a reset (RST_STREAM) in the place of its end.
 *
 * Of HTTP/2 alone, for requests over HTTP/2 alone: `goaway`: GOAWAY; with `accept` the request is still answered, without it and the
 * later ones are not. `refuse-stream`: RST_STREAM with REFUSED_STREAM. `lower-streams`: SETTINGS allow `streams` concurrent streams
 * from then on, and the request is answered. `close-session`: the session ends at once, and every stream of it unanswered.
 */
export type HttpFaultKind =
  | "reset-before-headers"
  | "close-before-headers"
  | "reset-after-headers"
  | "reset-in-body"
  | "hang"
  | "truncate"
  | "html"
  | "empty"
  | "not-json"
  | "wrong-length"
  | "wrong-type"
  | "oversized"
  | "garbage"
  | "slow"
  | "reset-after-body"
  | Http2FaultKind;
/** Kinds of {@link HttpFaultKind} that there are over HTTP/2 alone. */
export type Http2FaultKind = "goaway" | "refuse-stream" | "lower-streams" | "close-session";

/** Every kind of {@link HttpFaultKind}. */
export const HTTP_FAULT_KINDS: readonly HttpFaultKind[] = [
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
];

/** A spoiled HTTP answer. */
export interface HttpFault {
  /** What is wrong with it. */
  readonly kind: HttpFaultKind;
  /**
   * Whether the service has taken the messages all the same. Default `false`: nothing of the request is accepted; of `slow`,
   * `goaway` and `lower-streams` `true`.
   */
  readonly accept?: boolean;
  /** How late a `slow` answer is. Unit: milliseconds. Default 1000. */
  readonly delayMs?: number;
  /** Concurrent streams that `lower-streams` allows. Range: 0 or more. Default 1. */
  readonly streams?: number;
  /** How many requests it meets. Default 1. */
  readonly times?: number;
  /** Requests that pass before the first one it meets, over all connections. Range: 0 or more. Default 0. */
  readonly after?: number;
  /** Only at this door. Default: any HTTP door. */
  readonly door?: HttpFaultDoor;
}

/** A CCS connection that ends in the middle of the traffic. */
export interface CutFault {
  /** After how many more downstream messages, over all connections. Range: 1 or more. */
  readonly messages: number;
  /** Whether that message's own ack is lost with the connection. Default `true`. */
  readonly beforeAck?: boolean;
  /** With `beforeAck`: whether the service has taken that message all the same. Default `true`. */
  readonly accept?: boolean;
  /** How many times, each after so many messages. Default 1. */
  readonly times?: number;
}

/** A CCS connection that drains in the middle of the traffic. */
export interface DrainFault {
  /** After how many more downstream messages, over all connections. Range: 1 or more. */
  readonly messages: number;
  /** Whether messages that come after it are nacked with `CONNECTION_DRAINING`. Default `false`. */
  readonly nack?: boolean;
  /** How many times, each after so many messages. Default 1. */
  readonly times?: number;
}

/**
 * What can go wrong while a CCS client logs in. `refuse`: the TCP connection is reset at once. `hang`: after TLS nothing is ever said.
 * The others are SASL failures.
 */
export type LoginFaultKind = "refuse" | "hang" | "not-authorized" | "temporary-auth-failure";

/** A CCS login that fails. */
export interface LoginFault {
  /** What becomes of the login. */
  readonly kind: LoginFaultKind;
  /** How many logins it meets. Default 1. */
  readonly times?: number;
}

/** An armed fault as plain data. */
export interface FaultView {
  /** Names it for `clear()`. */
  readonly id: number;
  /** What it is, in a few words. */
  readonly fault: string;
  /** How often it may still strike; -1 for ever. */
  readonly left: number;
}

/** Scripted faults: what should go wrong, how often, for whom. They strike in the order they were armed. */
export interface Faults {
  /** The next recipients are refused: `faults.next({ token, error: "unavailable", times: 2 })`. */
  next(fault: NextFault): void;
  /** Recipients are refused at random. */
  random(fault: RandomFault): void;
  /** The next HTTP requests are answered like this: `faults.nextRequest({ status: 503, retryAfter: "2" })`. */
  nextRequest(fault: RequestFault): void;
  /** The next HTTP answers are spoiled. */
  http(fault: HttpFault): void;
  /** A CCS connection is cut. */
  cutAfter(fault: CutFault): void;
  /** The CCS connection that brings a message drains. */
  drainAfter(fault: DrainFault): void;
  /** CCS logins fail. */
  login(fault: LoginFault): void;
  /** What is armed. */
  readonly armed: readonly FaultView[];
  /** Disarms one, or all. `false`: there was none. */
  clear(id?: number): boolean;
}

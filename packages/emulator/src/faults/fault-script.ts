import type { Refusal } from "@cloud-messaging/connection-server";
import { type Clock, type ErrorCode, InvalidOptionsError, type Random } from "@cloud-messaging/core";
import { ERROR_CODES, wait } from "@cloud-messaging/core/transport";
import { wireStringFor } from "@cloud-messaging/core/wire";
import type { EventHub } from "../events.ts";
import { checkFaultNames } from "./fault-names.ts";
import {
  type CutFault,
  type DrainFault,
  type FaultEndpoint,
  type Faults,
  type FaultView,
  HTTP_FAULT_KINDS,
  type Http2FaultKind,
  type HttpFault,
  type HttpFaultEndpoint,
  type LoginFault,
  type LoginFaultKind,
  type NextFault,
  type RandomFault,
  type RequestFault,
} from "./faults.ts";

type AnyFault =
  | { readonly kind: "next"; readonly spec: NextFault }
  | { readonly kind: "random"; readonly spec: RandomFault }
  | { readonly kind: "request"; readonly spec: RequestFault; seen: number }
  | { readonly kind: "http"; readonly spec: HttpFault; seen: number }
  | { readonly kind: "cut"; readonly spec: CutFault; seen: number }
  | { readonly kind: "drain"; readonly spec: DrainFault; seen: number }
  | { readonly kind: "login"; readonly spec: LoginFault };
type Armed = AnyFault & { readonly id: number; left: number };

/** Fault of one HTTP request: another answer, or a spoiled one. */
export type HttpStrike =
  | { readonly kind: "request"; readonly spec: RequestFault; readonly retryAfterText: string | undefined }
  | { readonly kind: "http"; readonly spec: HttpFault };

const HTTP2_KINDS: ReadonlySet<string> = new Set<Http2FaultKind>([
  "goaway",
  "refuse-stream",
  "lower-streams",
  "close-session",
]);

const ENDPOINTS: readonly FaultEndpoint[] = ["gcm-http", "ccs", "fcm-v1", "instance-id"];
const HTTP_ENDPOINTS: readonly HttpFaultEndpoint[] = ["gcm-http", "fcm-v1", "instance-id", "device-groups"];

/** Maximum number of armed faults. Implementation limit: a test script that arms more is likely wrong. */
const MAX_ARMED = 10_000;

/** Faults as seen by the emulator: each `take…` call counts one occasion and returns the fault that applies to it. */
export class FaultScript implements Faults {
  readonly #events: EventHub;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #armed: Armed[] = [];
  #count = 0;

  constructor(events: EventHub, random: Random, clock: Clock) {
    this.#events = events;
    this.#random = random;
    this.#clock = clock;
  }

  get armed(): readonly FaultView[] {
    return this.#armed.map((fault) => ({
      id: fault.id,
      fault: describe(fault),
      left: Number.isFinite(fault.left) ? fault.left : -1,
    }));
  }

  next(spec: NextFault): void {
    checkFaultNames.next(spec);
    requireTexts(spec, ["to", "token", "detail"]);
    requireOneOf("endpoint", spec.endpoint, ENDPOINTS);
    requireWord(spec.error);
    requireRetryAfter(spec.retryAfter);
    this.#arm({ kind: "next", spec }, spec.times);
  }

  random(spec: RandomFault): void {
    checkFaultNames.random(spec);
    requireOneOf("endpoint", spec.endpoint, ENDPOINTS);
    requireWord(spec.error);
    if (!(spec.rate >= 0 && spec.rate <= 1)) throw badFault("rate", "must be a number from 0 to 1");
    this.#arm({ kind: "random", spec }, Number.POSITIVE_INFINITY);
  }

  nextRequest(spec: RequestFault): void {
    checkFaultNames.request(spec);
    requireTexts(spec, ["body"]);
    requireOneOf("endpoint", spec.endpoint, HTTP_ENDPOINTS);
    if (!Number.isInteger(spec.status) || spec.status < 200 || spec.status > 599) {
      throw badFault("status", "must be an HTTP status from 200 to 599");
    }
    requireRetryAfter(spec.retryAfter);
    if (spec.contentType !== undefined) requireHeader("contentType", spec.contentType);
    requireCount("after", spec.after);
    this.#arm({ kind: "request", spec, seen: 0 }, spec.times);
  }

  http(spec: HttpFault): void {
    checkFaultNames.http(spec);
    if (spec.delayMs !== undefined && !(spec.delayMs >= 0)) throw badFault("delayMs", "must be 0 or more milliseconds");
    if (!HTTP_FAULT_KINDS.includes(spec.kind)) throw badFault("kind", `must be one of ${HTTP_FAULT_KINDS.join(", ")}`);
    requireOneOf("endpoint", spec.endpoint, HTTP_ENDPOINTS);
    requireCount("after", spec.after);
    requireCount("streams", spec.streams);
    this.#arm({ kind: "http", spec, seen: 0 }, spec.times);
  }

  cutAfter(spec: CutFault): void {
    checkFaultNames.cut(spec);
    if (!Number.isInteger(spec.messages) || spec.messages < 1)
      throw badFault("messages", "must be a whole number from 1");
    this.#arm({ kind: "cut", spec, seen: 0 }, spec.times);
  }

  drainAfter(spec: DrainFault): void {
    checkFaultNames.drain(spec);
    if (!Number.isInteger(spec.messages) || spec.messages < 1)
      throw badFault("messages", "must be a whole number from 1");
    this.#arm({ kind: "drain", spec, seen: 0 }, spec.times);
  }

  login(spec: LoginFault): void {
    checkFaultNames.login(spec);
    const kinds: readonly LoginFaultKind[] = ["refuse", "hang", "not-authorized", "temporary-auth-failure"];
    if (!kinds.includes(spec.kind)) throw badFault("kind", `must be one of ${kinds.join(", ")}`);
    this.#arm({ kind: "login", spec }, spec.times);
  }

  clear(id?: number): boolean {
    const before = this.#armed.length;
    this.#armed = id === undefined ? [] : this.#armed.filter((fault) => fault.id !== id);
    this.#events.emit({ type: "fault", change: "cleared", fault: id === undefined ? "all" : String(id) });
    return this.#armed.length < before;
  }

  /** Returns the refusal that applies to a recipient, if any. */
  takeRefusal(endpoint: FaultEndpoint, recipients: readonly string[]): Refusal | undefined {
    if (this.#armed.length === 0) return undefined;
    for (const fault of this.#armed) {
      if (fault.kind !== "next") continue;
      const { spec } = fault;
      const to = spec.to ?? spec.token;
      if (!meets(spec.endpoint, endpoint) || (to !== undefined && !recipients.includes(to))) continue;
      this.#strike(fault);
      return this.#refusal(spec.error, spec.detail, spec.retryAfter);
    }
    // random refusals only where no scripted one applies
    for (const fault of this.#armed) {
      if (fault.kind !== "random") continue;
      const { spec } = fault;
      if (!meets(spec.endpoint, endpoint) || this.#random() >= spec.rate) continue;
      this.#strike(fault);
      return this.#refusal(spec.error, undefined, undefined);
    }
    return undefined;
  }

  /** Counts an HTTP request; returns the fault that applies, if any. */
  takeHttp(endpoint: HttpFaultEndpoint, http2: boolean): HttpStrike | undefined {
    let due: Extract<Armed, { kind: "request" | "http" }> | undefined;
    for (const fault of this.#armed) {
      if ((fault.kind !== "request" && fault.kind !== "http") || (fault.spec.endpoint ?? endpoint) !== endpoint)
        continue;
      if (!http2 && fault.kind === "http" && HTTP2_KINDS.has(fault.spec.kind)) continue;
      if (fault.seen++ >= (fault.spec.after ?? 0)) due ??= fault;
    }
    if (due === undefined) return undefined;
    this.#strike(due);
    if (due.kind === "http") return { kind: "http", spec: due.spec };
    return { kind: "request", spec: due.spec, retryAfterText: this.#retryAfter(due.spec.retryAfter) };
  }

  /** Counts a CCS downstream message; returns the cut that applies to its connection, if any. */
  takeCut(): CutFault | undefined {
    for (const fault of this.#armed) if (fault.kind === "cut") return this.#counted(fault);
    return undefined;
  }

  /** Counts a CCS downstream message; returns the drain that applies to its connection, if any. */
  takeDrain(): DrainFault | undefined {
    for (const fault of this.#armed) if (fault.kind === "drain") return this.#counted(fault);
    return undefined;
  }

  /** Resolves after the delay, or when the emulator closes. */
  async delay(delayMs: number): Promise<void> {
    await wait(this.#clock, delayMs, this.#closing.signal);
  }

  /** Ends every delay. */
  close(): void {
    this.#closing.abort();
  }

  /** Returns the fault that applies to a login, if any; `before` TLS only `refuse` applies. */
  takeLogin(kinds: readonly LoginFaultKind[]): LoginFaultKind | undefined {
    for (const fault of this.#armed) {
      if (fault.kind !== "login" || !kinds.includes(fault.spec.kind)) continue;
      this.#strike(fault);
      return fault.spec.kind;
    }
    return undefined;
  }

  #arm(fault: AnyFault, times = 1): void {
    if (!(times >= 1 && (Number.isInteger(times) || times === Number.POSITIVE_INFINITY))) {
      throw badFault("times", "must be a whole number from 1, or Infinity");
    }
    if (this.#armed.length >= MAX_ARMED) {
      throw badFault("", `${MAX_ARMED} faults are armed already: use times, or clear() them`);
    }
    const armed: Armed = { ...fault, id: ++this.#count, left: times };
    this.#armed.push(armed);
    this.#events.emit({ type: "fault", change: "armed", fault: describe(armed) });
  }

  #strike(fault: Armed): void {
    fault.left--;
    if (fault.left <= 0) this.#armed = this.#armed.filter((other) => other !== fault);
    this.#events.emit({ type: "fault", change: "struck", fault: describe(fault) });
  }

  #counted<S extends { readonly messages: number }>(fault: Armed & { readonly spec: S; seen: number }): S | undefined {
    if (++fault.seen < fault.spec.messages) return undefined;
    fault.seen = 0;
    this.#strike(fault);
    return fault.spec;
  }

  #refusal(error: string, detail: string | undefined, retryAfter: NextFault["retryAfter"]): Refusal {
    const known = Object.hasOwn(ERROR_CODES, error);
    return {
      kind: "refused",
      code: known ? (error as ErrorCode) : "internal-error",
      word: known ? undefined : error,
      detail,
      retryAfter: this.#retryAfter(retryAfter),
    };
  }

  #retryAfter(value: NextFault["retryAfter"]): string | undefined {
    if (value === undefined || typeof value === "string") return value;
    const { date } = value;
    // a number below one year is a duration, any larger one a date
    const at = typeof date === "number" ? (date < 31_536_000_000 ? this.#clock.now() + date : date) : date.getTime();
    return new Date(at).toUTCString();
  }
}

/** A fault without a protocol applies to sending. */
const meets = (wanted: FaultEndpoint | undefined, endpoint: FaultEndpoint): boolean =>
  wanted === undefined ? endpoint !== "instance-id" : wanted === endpoint;

function requireWord(error: string): void {
  if (typeof error !== "string" || error === "") {
    throw badFault("error", "must be a name of the error-code table, such as unavailable, or a wire's own word");
  }
  const known = Object.hasOwn(ERROR_CODES, error);
  if (
    known &&
    !["gcmHttp", "ccs", "fcmV1", "instanceId"].some(
      (wire) => wireStringFor(wire as "ccs", error as ErrorCode) !== undefined,
    )
  ) {
    throw badFault("error", `${error} has no word on any wire: it is not something that the service answers`);
  }
}

/** A misspelt one would let the fault meet nobody. */
function requireOneOf<T extends string>(path: string, value: T | undefined, values: readonly T[]): void {
  if (value !== undefined && !values.includes(value)) throw badFault(path, `must be one of ${values.join(", ")}`);
}

function requireTexts<T extends object>(spec: T, names: readonly (keyof T & string)[]): void {
  for (const name of names) {
    const value: unknown = spec[name];
    if (value !== undefined && typeof value !== "string") throw badFault(name, "must be a string");
  }
}

/** Value of a header: invalid characters would break the answer in an unintended way. */
function requireHeader(path: string, value: unknown): void {
  if (typeof value !== "string" || !/^[\x20-\x7e]*$/.test(value)) {
    throw badFault(path, "must be text of printable ASCII characters, since it goes into a header");
  }
}

function requireCount(path: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
    throw badFault(path, "must be a whole number from 0");
  }
}

function requireRetryAfter(value: NextFault["retryAfter"]): void {
  if (value === undefined) return;
  if (typeof value === "string") {
    requireHeader("retryAfter", value);
    return;
  }
  const { date } = (value ?? {}) as { readonly date?: Date | number };
  if (date === undefined || Number.isNaN(new Date(date).getTime())) {
    throw badFault("retryAfter", "must be a date that there is, as { date }, or seconds as text");
  }
}

function badFault(path: string, problem: string): InvalidOptionsError {
  return new InvalidOptionsError([{ path, problem }]);
}

function describe(fault: Armed): string {
  switch (fault.kind) {
    case "next": {
      const { spec } = fault;
      const to = spec.to ?? spec.token;
      return `${spec.error}${to === undefined ? "" : ` to ${to.length > 24 ? `${to.slice(0, 24)}…` : to}`}${spec.endpoint === undefined ? "" : ` over ${spec.endpoint}`}`;
    }
    case "random":
      return `${spec100(fault.spec.rate)} ${fault.spec.error}`;
    case "request":
      return `HTTP ${fault.spec.status}${afterText(fault.spec.after)}`;
    case "http":
      return `HTTP ${fault.spec.kind}${afterText(fault.spec.after)}`;
    case "cut":
      return `cut after ${fault.spec.messages} messages${fault.spec.beforeAck === false ? "" : ", before the ack"}`;
    case "drain":
      return `drain after ${fault.spec.messages} messages`;
    case "login":
      return `login ${fault.spec.kind}`;
  }
}

const afterText = (after = 0): string => (after === 0 ? "" : ` after ${after} request${after === 1 ? "" : "s"}`);
const spec100 = (rate: number): string => `${Math.round(rate * 1000) / 10} %`;

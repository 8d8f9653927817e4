import { randomBytes } from "node:crypto";
import { type Clock, InvalidOptionsError } from "@cloud-messaging/core";
import { callListener, systemClock } from "@cloud-messaging/core/transport";
import { CCS_MAX_PENDING } from "@cloud-messaging/core/wire";
import { type BoundedService, boundedService } from "../ask.ts";
import { Permits } from "../http/permits.ts";
import { CALL_OPTION_NAMES, optionNamesCheck } from "../options/option-names.ts";
import { FCM_RULES, type ProtocolRules } from "../service.ts";
import { type ConnectionLimits, createConnectionLimits } from "./connection-limits.ts";
import type { CcsHooks, CcsServerEvent, CcsServerOptions } from "./options.ts";

type Resolved = Required<
  Pick<
    CcsServerOptions,
    | "loginTimeoutMs"
    | "maxPending"
    | "drainTimeoutMs"
    | "drainQuietMs"
    | "elementStyle"
    | "resourceSuffix"
    | "lenientNumbers"
    | "groupFailureCounts"
    | "hexId"
  >
>;

/** Parts and settings shared by all connections of a server. */
export interface CcsContext extends Resolved {
  readonly bounded: BoundedService;
  /** Decisions under way over all connections. */
  readonly permits: Permits;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly hooks: CcsHooks;
  readonly rules: ProtocolRules;
  /** True if the service takes connections for upstream messages. */
  readonly hasUpstream: boolean;
  emit(event: CcsServerEvent): void;
}

const COUNTS = ["maxPending", "maxConcurrentMessages", "maxConnectionsPerSender", "newConnectionsPerMinute"] as const;
const DURATIONS = [
  "handshakeTimeoutMs",
  "loginTimeoutMs",
  "decisionTimeoutMs",
  "keepAliveMs",
  "drainTimeoutMs",
] as const;

const checked = optionNamesCheck<CcsServerOptions>("an option of startCcsServer", {
  ...CALL_OPTION_NAMES,
  service: true,
  host: true,
  port: true,
  tls: true,
  proxyProtocol: true,
  handshakeTimeoutMs: true,
  loginTimeoutMs: true,
  maxPending: true,
  maxConcurrentMessages: true,
  keepAliveMs: true,
  drainTimeoutMs: true,
  drainQuietMs: true,
  maxConnectionsPerSender: true,
  newConnectionsPerMinute: true,
  elementStyle: true,
  resourceSuffix: true,
  lenientNumbers: true,
  groupFailureCounts: true,
  hexId: true,
  onEvent: true,
  hooks: true,
});

function problemsOf(options: CcsServerOptions): { path: string; problem: string }[] {
  const problems: { path: string; problem: string }[] = [];
  const { tls, drainQuietMs = 0 } = options;
  if (tls !== false && (typeof tls?.cert !== "string" || typeof tls.key !== "string")) {
    problems.push({ path: "tls", problem: "must be a certificate and a private key: { cert, key }, PEM; or false" });
  }
  for (const path of COUNTS) {
    const { [path]: count = 1 } = options;
    if (!(count >= 1 && (Number.isInteger(count) || count === Number.POSITIVE_INFINITY))) {
      problems.push({ path, problem: "must be a whole number from 1, or Infinity" });
    }
  }
  for (const path of DURATIONS) {
    const { [path]: durationMs = 1 } = options;
    if (!(durationMs > 0)) problems.push({ path, problem: "must be a number of milliseconds above 0" });
  }
  if (!(drainQuietMs >= 0)) problems.push({ path: "drainQuietMs", problem: "must be a number of milliseconds from 0" });
  return problems;
}

/** Checks the options and applies the defaults. @throws {InvalidOptionsError} naming every bad one. */
export function createContext(options: CcsServerOptions): CcsContext {
  const problems = problemsOf(checked(options));
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  const { service, clock = systemClock, onEvent } = options;
  const emit = (event: CcsServerEvent): void =>
    callListener("connection-server", "event-listener-failed", onEvent, event);
  const { maxConnectionsPerSender = 2500, newConnectionsPerMinute = Number.POSITIVE_INFINITY } = options;
  return {
    bounded: boundedService(options),
    permits: new Permits(options.maxConcurrentMessages ?? 1000),
    limits: createConnectionLimits({ maxConnectionsPerSender, newConnectionsPerMinute }, clock, (detail) =>
      emit({ type: "violation", detail }),
    ),
    clock,
    hooks: options.hooks ?? {},
    get rules() {
      return service.rules ?? FCM_RULES;
    },
    hasUpstream: service.attach !== undefined,
    emit,
    loginTimeoutMs: options.loginTimeoutMs ?? 10_000,
    maxPending: options.maxPending ?? CCS_MAX_PENDING,
    drainTimeoutMs: options.drainTimeoutMs ?? 10_000,
    drainQuietMs: options.drainQuietMs ?? 250,
    elementStyle: options.elementStyle ?? "data:gcm",
    resourceSuffix: options.resourceSuffix ?? true,
    lenientNumbers: options.lenientNumbers ?? false,
    groupFailureCounts: options.groupFailureCounts ?? false,
    hexId:
      options.hexId ??
      ((digits) =>
        randomBytes(Math.ceil(digits / 2))
          .toString("hex")
          .slice(0, digits)),
  };
}

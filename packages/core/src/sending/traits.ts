import { type Defined, defined } from "../defined.ts";
import { InvalidOptionsError } from "../errors.ts";
import type { DownstreamTransport } from "./downstream-transport.ts";

/** Picks the properties of a transport that a decorator takes over. */
export function traitsOf(transport: DownstreamTransport): Defined<Omit<DownstreamTransport, keyof Methods>> {
  const { name, sender, retryPolicy, retries, usesMessageIds, settlesAmbiguous } = transport;
  const { preferredBatchSize, preferredConcurrency, closeTimeoutMs } = transport;
  return defined({
    name,
    sender,
    retryPolicy,
    retries,
    usesMessageIds,
    settlesAmbiguous,
    preferredBatchSize,
    preferredConcurrency,
    closeTimeoutMs,
  });
}

const NOT_A_SENDER =
  "must be a transport, not a sender, which has retries of its own: createFcmV1Transport, createGcmHttpTransport or createCcsTransport makes one";

/** The problem with a value that has to be a transport; `undefined` where there is none. */
export function transportProblem(value: unknown): string | undefined {
  const given = (value ?? {}) as Partial<Record<keyof DownstreamTransport | "sendToUser", unknown>>;
  if (typeof given.sendToUser === "function") return NOT_A_SENDER;
  const { name, retryPolicy, send, close } = given;
  const missing = [
    ...(typeof name === "string" ? [] : ["name"]),
    ...(typeof retryPolicy === "object" && retryPolicy !== null ? [] : ["retryPolicy"]),
    ...(typeof send === "function" ? [] : ["send()"]),
    ...(typeof close === "function" ? [] : ["close()"]),
  ];
  return missing.length === 0 ? undefined : `must be a transport; ${missing.join(", ")} missing`;
}

/** @throws {InvalidOptionsError} the value is no transport. */
export function checkTransport(value: unknown): void {
  const problem = transportProblem(value);
  if (problem !== undefined) throw new InvalidOptionsError([{ path: "transport", problem }]);
}

type Methods = Pick<DownstreamTransport, "check" | "send" | "close" | typeof Symbol.asyncDispose>;

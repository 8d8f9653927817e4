import { type Defined, defined } from "../defined.ts";
import type { DownstreamTransport } from "./downstream-transport.ts";

/** Picks the properties of a transport that a decorator takes over. */
export function traitsOf(transport: DownstreamTransport): Defined<Omit<DownstreamTransport, keyof Methods>> {
  const { name, retryPolicy, retries, usesMessageIds, settlesAmbiguous } = transport;
  const { preferredBatchSize, preferredConcurrency, closeTimeoutMs } = transport;
  return defined({
    name,
    retryPolicy,
    retries,
    usesMessageIds,
    settlesAmbiguous,
    preferredBatchSize,
    preferredConcurrency,
    closeTimeoutMs,
  });
}

type Methods = Pick<DownstreamTransport, "check" | "send" | "close" | typeof Symbol.asyncDispose>;

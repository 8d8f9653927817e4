import type { Sender, SenderOptions } from "@cloud-messaging/core";
import { createSender } from "@cloud-messaging/core/transport";
import type { CredentialCheck } from "./auth/credential-check.ts";
import type { GcmHttpTransportOptions } from "./gcm/options.ts";
import { createGcmHttpTransport } from "./gcm/transport.ts";

/** Everything the HTTP sender can be told; only `apiKey` has to be. */
export interface GcmSenderOptions extends GcmHttpTransportOptions, SenderOptions {
  /** @defaultValue the machine's clock */
  readonly clock?: NonNullable<SenderOptions["clock"]>;
}

/** Sends over the GCM HTTP connection server; canonical IDs, removals and retries are taken care of. */
export interface GcmSender extends Sender {
  /**
   * Checks the key with one request, for the start of a program: a message to a token that cannot exist, with `dry_run`. Sends nothing
   * to anybody. Throws only for wrong options.
   */
  verifyCredentials(options?: { readonly signal?: AbortSignal }): Promise<CredentialCheck>;
}

/**
 * The short way in: a sender over the GCM HTTP connection server, built from `createGcmHttpTransport` and core's `createSender`.
 *
 * ```ts
 * const sender = createGcmSender({ apiKey, registrations });
 * const report = await sender.send({ target: { tokens }, data: { score: "5x1" } });
 * ```
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function createGcmSender(options: GcmSenderOptions): GcmSender {
  const { registrations, retry, maxWaiting, ambiguous, timeoutMs, random, ...rest } = options ?? {};
  const transport = createGcmHttpTransport(rest);
  const sender = createSender({
    transport,
    ...(registrations === undefined ? {} : { registrations }),
    ...(retry === undefined ? {} : { retry }),
    ...(maxWaiting === undefined ? {} : { maxWaiting }),
    ...(ambiguous === undefined ? {} : { ambiguous }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(random === undefined ? {} : { random }),
    ...(rest.clock === undefined ? {} : { clock: rest.clock }),
  });
  return Object.assign(sender, { verifyCredentials: transport.verifyCredentials.bind(transport) });
}

import type { Sender, SenderOptions } from "@cloud-messaging/core";
import { createSenderOver, divideOptions } from "@cloud-messaging/core/transport";
import type { CredentialCheck } from "./auth/credential-check.ts";
import type { GcmHttpTransportOptions } from "./gcm/options.ts";
import { createGcmHttpTransport } from "./gcm/transport.ts";

/** Options of `createGcmSender`. Only `apiKey` is required. */
export interface GcmSenderOptions extends GcmHttpTransportOptions, SenderOptions {
  /** @defaultValue the machine's clock */
  readonly clock?: NonNullable<SenderOptions["clock"]>;
}

/** Sender over the GCM HTTP connection server, with canonical IDs, removals and retries. */
export interface GcmSender extends Sender {
  /**
   * Checks the key with one request, for the start of a program: a dry run to a token that cannot exist. Delivers nothing. Throws only for
   * wrong options.
   */
  verifyCredentials(options?: { readonly signal?: AbortSignal }): Promise<CredentialCheck>;
}

/**
 * Creates a sender over the GCM HTTP connection server.
 *
 * @example
 * ```ts
 * import { createGcmSender, createMemoryRegistrationStore } from "@cloud-messaging/http-sender";
 *
 * const endpoint = "http://127.0.0.1:8095/fcm/send"; // an emulator, a relay
 * await using sender = createGcmSender({ apiKey: "AIza-EXAMPLE", endpoint, registrations: createMemoryRegistrationStore() });
 * const { outcomes } = await sender.send({ target: { tokens: ["token-of-a-phone"] }, data: { score: "5x1" } });
 * ```
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function createGcmSender(options: GcmSenderOptions): GcmSender {
  const { ofSender, ofTransport } = divideOptions(options);
  const { random: _, ...rest } = ofTransport;
  const transport = createGcmHttpTransport(rest);
  const sender = createSenderOver(transport, ofSender);
  return Object.assign(sender, { verifyCredentials: transport.verifyCredentials.bind(transport) });
}

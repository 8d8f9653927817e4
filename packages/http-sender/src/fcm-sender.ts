import type { Sender, SenderOptions } from "@cloud-messaging/core";
import { createSenderOver, divideOptions } from "@cloud-messaging/core/transport";
import type { CredentialCheck } from "./auth/credential-check.ts";
import type { FcmV1TransportOptions } from "./fcm-v1/options.ts";
import { createFcmV1Transport } from "./fcm-v1/transport.ts";

/** Options of `createFcmSender`. On Google Cloud none is required. */
export interface FcmSenderOptions extends FcmV1TransportOptions, SenderOptions {
  /** @defaultValue the machine's clock */
  readonly clock?: NonNullable<SenderOptions["clock"]>;
}

/** Sender over FCM HTTP v1, with removals and retries. */
export interface FcmSender extends Sender {
  /**
   * Checks the credentials with one request, for the start of a program: gets an access token, and validates a message to a token that
   * cannot exist. Delivers nothing. Throws only for wrong options.
   */
  verifyCredentials(options?: { readonly signal?: AbortSignal }): Promise<CredentialCheck>;
}

/**
 * Creates a sender over FCM HTTP v1.
 *
 * @example
 * ```ts
 * import { createFcmSender, createMemoryRegistrationStore } from "@cloud-messaging/http-sender";
 *
 * const registrations = createMemoryRegistrationStore();
 * await using sender = createFcmSender({ credential: "service-account.json", registrations });
 * const { outcomes } = await sender.send({ target: { tokens: ["token-of-a-phone"] }, data: { score: "5x1" } });
 * ```
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function createFcmSender(options: FcmSenderOptions = {}): FcmSender {
  const { ofSender, ofTransport } = divideOptions(options);
  const { random: _, ...rest } = ofTransport;
  const transport = createFcmV1Transport(rest);
  const sender = createSenderOver(transport, ofSender);
  return Object.assign(sender, { verifyCredentials: transport.verifyCredentials.bind(transport) });
}

import { createSender, type Sender, type SenderOptions } from "@cloud-messaging/core";
import type { FcmV1TransportOptions } from "./fcm-v1/options.ts";
import { createFcmV1Transport } from "./fcm-v1/transport.ts";

/** Everything the FCM sender can be told; on Google Cloud nothing has to be. */
export interface FcmSenderOptions extends FcmV1TransportOptions, SenderOptions {
  /** @defaultValue the machine's clock */
  readonly clock?: NonNullable<SenderOptions["clock"]>;
}

/**
 * The short way in: a sender over FCM HTTP v1, built from `createFcmV1Transport` and core's `createSender`.
 *
 * ```ts
 * const sender = createFcmSender({ credential: "service-account.json", registrations });
 * const report = await sender.send({ target: { tokens }, data: { score: "5x1" } });
 * ```
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function createFcmSender(options: FcmSenderOptions = {}): Sender {
  const { registrations, retry, maxWaiting, ambiguous, timeoutMs, random, ...rest } = options;
  return createSender({
    transport: createFcmV1Transport(rest),
    ...(registrations === undefined ? {} : { registrations }),
    ...(retry === undefined ? {} : { retry }),
    ...(maxWaiting === undefined ? {} : { maxWaiting }),
    ...(ambiguous === undefined ? {} : { ambiguous }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(random === undefined ? {} : { random }),
    ...(rest.clock === undefined ? {} : { clock: rest.clock }),
  });
}

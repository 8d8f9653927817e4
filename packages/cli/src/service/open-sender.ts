import { type CcsClient, type CcsClientOptions, createCcsClient } from "@cloud-messaging/ccs-client";
import type { RegistrationStore, Sender } from "@cloud-messaging/core";
import { defined } from "@cloud-messaging/core/transport";
import { createFcmSender, createGcmSender, type FcmSender, type GcmSender } from "@cloud-messaging/http-sender";
import type { Context } from "../context.ts";
import { apiKeyOf, type ConnectionValues, ccsAddressOf, senderIdOf, timeoutMsOf, tlsOf } from "./settings.ts";

/** Protocol of a send. */
export type ProtocolName = "v1" | "gcm" | "ccs";

/** Opens a sender over FCM HTTP v1. */
export async function openFcm(
  values: ConnectionValues,
  { clock }: Pick<Context, "clock">,
  registrations?: RegistrationStore,
): Promise<FcmSender> {
  const { credential, project, endpoint } = values;
  return createFcmSender({
    clock,
    timeoutMs: timeoutMsOf(values),
    ...defined({ credential, projectId: project, endpoint, registrations, tls: await tlsOf(values) }),
  });
}

/** Opens a sender over GCM HTTP. */
export async function openGcm(
  values: ConnectionValues,
  { clock }: Pick<Context, "clock">,
  registrations?: RegistrationStore,
): Promise<GcmSender> {
  const { endpoint } = values;
  return createGcmSender({
    clock,
    apiKey: await apiKeyOf(values),
    timeoutMs: timeoutMsOf(values),
    ...defined({ endpoint, registrations, tls: await tlsOf(values) }),
  });
}

/** Opens a client of CCS. */
export async function openCcs(
  values: ConnectionValues,
  { clock }: Pick<Context, "clock">,
  more: Pick<
    CcsClientOptions,
    "registrations" | "onUpstream" | "onReceipt" | "handlerConcurrency" | "closeTimeoutMs"
  > = {},
): Promise<CcsClient> {
  return createCcsClient({
    clock,
    senderId: senderIdOf(values),
    apiKey: await apiKeyOf(values),
    timeoutMs: timeoutMsOf(values),
    ...ccsAddressOf(values),
    ...defined({ tls: await tlsOf(values) }),
    ...more,
  });
}

/** Opens a sender over any protocol. */
export function openSender(
  protocol: ProtocolName,
  values: ConnectionValues,
  context: Pick<Context, "clock">,
  registrations?: RegistrationStore,
): Promise<Sender> {
  if (protocol === "v1") return openFcm(values, context, registrations);
  if (protocol === "gcm") return openGcm(values, context, registrations);
  return openCcs(values, context, defined({ registrations }));
}

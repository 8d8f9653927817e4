import type { HttpRequest, MaybePromise } from "@cloud-messaging/connection-server";
import { defined } from "@cloud-messaging/core/transport";
import type { EmulatedService } from "../emulated-service.ts";
import type { EmulatorClock } from "../emulator-clock.ts";
import type { EmulatorAnswer, EmulatorRoute } from "../emulator-http.ts";
import type { EventHub } from "../events.ts";
import type { FaultScript } from "../faults/fault-script.ts";
import type { HttpFaultEndpoint, HttpFaultKind } from "../faults/faults.ts";
import type { InboxStore } from "../inbox/store.ts";
import type { DeviceGroups } from "../model/device-groups.ts";
import type { DeviceRegistry } from "../model/devices.ts";
import type { ServiceIds } from "../model/ids.ts";
import type { Quotas } from "../model/quotas.ts";
import type { CloudService } from "../model/service.ts";
import type { ResolvedOptions } from "../resolve-options.ts";
import type { Counters } from "../stats.ts";
import type { Credentials } from "./credentials.ts";
import type { FcmAccounts } from "./fcm-accounts.ts";

/** Model and settings that an endpoint works on. */
export interface EndpointContext {
  readonly service: CloudService;
  /** The model as the connection servers see it. */
  readonly emulated: EmulatedService;
  readonly registry: DeviceRegistry;
  readonly groups: DeviceGroups;
  readonly inbox: InboxStore;
  readonly faults: FaultScript;
  readonly credentials: Credentials;
  readonly quotas: Quotas;
  /** Service accounts and access tokens of FCM HTTP v1. */
  readonly fcm: FcmAccounts;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly ids: ServiceIds;
  /** The service's time. */
  readonly clock: EmulatorClock;
  readonly settings: ResolvedOptions;
}

/** HTTP endpoint: its routes. A new one is a file here and a line in `endpoints.ts`. */
export type HttpEndpoint = (context: EndpointContext) => EmulatorRoute[];

/**
 * Answers a request, unless a fault for whole requests is due.
 *
 * @param sample What a spoiled answer is made from when nothing of the request is accepted.
 */
export async function withFaults(
  faults: FaultScript,
  endpoint: HttpFaultEndpoint,
  request: HttpRequest,
  sample: string,
  handle: (request: HttpRequest) => MaybePromise<EmulatorAnswer>,
): Promise<EmulatorAnswer> {
  const strike = faults.takeHttp(endpoint, request.http2);
  if (strike === undefined) return handle(request);
  if (strike.kind === "request") {
    const { spec, retryAfterText } = strike;
    return {
      status: spec.status,
      contentType: spec.contentType ?? "text/html; charset=UTF-8",
      body: spec.body ?? `<html><body>${spec.status}</body></html>\n`,
      ...defined({ headers: retryAfterText === undefined ? undefined : { "retry-after": retryAfterText } }),
    };
  }
  const { kind, accept = ACCEPTING.has(kind), delayMs = 1000, streams = 1 } = strike.spec;
  const answer: EmulatorAnswer = accept ? await handle(request) : { status: 200, body: sample };
  if (kind === "slow") {
    await faults.delay(delayMs);
    return answer;
  }
  return { ...answer, spoil: { kind, accept, streams } };
}

/** Kinds whose request is taken unless the fault says otherwise. */
const ACCEPTING: ReadonlySet<HttpFaultKind> = new Set(["slow", "goaway", "lower-streams"]);

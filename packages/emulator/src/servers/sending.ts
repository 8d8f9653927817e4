import {
  FCM_V1_HOSTS,
  fcmV1Routes,
  GCM_HTTP_HOSTS,
  gcmHttpRoutes,
  type HttpRequest,
  refusalAnswer,
} from "@cloud-messaging/connection-server";
import { type HttpEndpoint, withFaults } from "./endpoint.ts";

const GCM_SAMPLE =
  '{"multicast_id":1,"success":2,"failure":0,"canonical_ids":0,"results":[{"message_id":"0:1"},{"message_id":"0:2"}]}';
const V1_SAMPLE = '{"name":"projects/emulator-project/messages/0:1500415314455276%31bd1c9631bd1c96"}';

/** The HTTP connection server, counted and with faults. */
export const gcmHttpEndpoint: HttpEndpoint = ({ emulated, settings, ids, faults, counters }) => {
  const { validationStyle, lenientNumbers, groupFailureCounts } = settings;
  const multicastId = (): bigint => ids.wide();
  const options = { service: emulated, validationStyle, lenientNumbers, groupFailureCounts, multicastId };
  return gcmHttpRoutes(options).map((route) => ({
    ...route,
    hosts: GCM_HTTP_HOSTS,
    handle: (request) => {
      counters.requests++;
      return withFaults(faults, "gcm-http", request, GCM_SAMPLE, route.handle);
    },
  }));
};

/** FCM HTTP v1, counted, with quotas and faults. */
export const fcmV1Endpoint: HttpEndpoint = ({ emulated, clock, faults, counters, quotas }) =>
  fcmV1Routes({ service: emulated, clock }).map((route) => ({
    ...route,
    hosts: FCM_V1_HOSTS,
    handle: (request) => {
      counters.requests++;
      return withFaults(faults, "fcm-v1", request, V1_SAMPLE, (whole: HttpRequest) => {
        const spent = quotas.spendMessage(whole.params["project"] ?? "");
        if (spent === undefined) return route.handle(whole);
        return refusalAnswer({ kind: "refused", code: "quota-exceeded", ...spent });
      });
    },
  }));

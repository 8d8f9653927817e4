import type { EmulatorRoute } from "../emulator-http.ts";
import { deviceGroupsEndpoint } from "./device-groups.ts";
import type { EndpointContext, HttpEndpoint } from "./endpoint.ts";
import { instanceIdEndpoint } from "./instance-id.ts";
import { oauthEndpoint } from "./oauth.ts";
import { fcmV1Endpoint, gcmHttpEndpoint } from "./sending.ts";
import { topicSubscriptionsEndpoint } from "./topic-subscriptions.ts";

/** Endpoints of the service over HTTP. To add one, add its line. */
const ENDPOINTS: readonly HttpEndpoint[] = [
  gcmHttpEndpoint,
  fcmV1Endpoint,
  oauthEndpoint,
  deviceGroupsEndpoint,
  instanceIdEndpoint,
  topicSubscriptionsEndpoint,
];

/** Routes of all endpoints. */
export function serviceRoutes(context: EndpointContext): EmulatorRoute[] {
  return ENDPOINTS.flatMap((endpoint) => endpoint(context));
}

import { OAUTH_HOSTS, tokenRoutes } from "@cloud-messaging/connection-server";
import type { HttpEndpoint } from "./endpoint.ts";

/** The token endpoint over the accounts of the emulator. */
export const oauthEndpoint: HttpEndpoint = ({ fcm, clock }) =>
  tokenRoutes({ service: fcm, clock }).map((route) => ({ ...route, hosts: OAUTH_HOSTS }));

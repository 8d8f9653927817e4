import { jsonAnswer } from "@cloud-messaging/connection-server";
import { OAUTH_HOSTS } from "../redirect/google-hosts.ts";
import type { HttpEndpoint } from "./endpoint.ts";
import { TOKEN_PATHS } from "./fcm-accounts.ts";

/** The token endpoint under all of its names: exchanges the grants of service accounts and of users. */
export const oauthEndpoint: HttpEndpoint = ({ fcm, clock }) =>
  TOKEN_PATHS.map((path) => ({
    method: "POST",
    path,
    hosts: OAUTH_HOSTS,
    handle: ({ body }) => {
      const result = fcm.exchange(new URLSearchParams(body));
      // clients with a wrong clock learn the right time from here
      const headers = { date: new Date(clock.now()).toUTCString(), "cache-control": "no-store" };
      return { ...jsonAnswer("error" in result ? 400 : 200, result), headers };
    },
  }));

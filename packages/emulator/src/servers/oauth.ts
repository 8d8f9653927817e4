import { type HttpDoor, jsonAnswer } from "./door.ts";

/** The token endpoint: exchanges the grants of the emulator's own service accounts. */
export const oauthDoor: HttpDoor = ({ fcm, clock }) =>
  [
    { path: "/token", hosts: ["oauth2.googleapis.com", "accounts.google.com"] },
    { path: "/oauth2/v4/token", hosts: ["www.googleapis.com"] },
  ].map(({ path, hosts }) => ({
    method: "POST",
    path,
    hosts,
    handle: ({ body }) => {
      const result = fcm.exchange(new URLSearchParams(body));
      // clients with a wrong clock learn the right time from here
      const headers = { date: new Date(clock.now()).toUTCString(), "cache-control": "no-store" };
      return { ...jsonAnswer("error" in result ? 400 : 200, result), headers };
    },
  }));

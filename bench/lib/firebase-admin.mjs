// firebase-admin, pointed at a canned server. It names no address of its own to set, so node:http2 is.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const http2 = require("node:http2");

/** A `messaging` whose HTTP/2 requests go to the server. Opens a session per call, as it does. */
export function firebaseMessaging({ origin, ca }, accessToken) {
  const connect = http2.connect;
  http2.connect = (_authority, options) => {
    const session = connect(origin, { ...options, ca });
    const request = session.request;
    // it writes ":scheme: https:", which no server on nghttp2 accepts
    session.request = (headers, ...more) => request.call(session, { ...headers, ":scheme": "https" }, ...more);
    return session;
  };
  const { initializeApp } = require("firebase-admin/app");
  const { getMessaging } = require("firebase-admin/messaging");
  const credential = { getAccessToken: async () => ({ access_token: accessToken, expires_in: 3600 }) };
  return getMessaging(initializeApp({ credential, projectId: "demo" }));
}

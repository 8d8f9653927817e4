// firebase-admin, pointed at a canned server. It names no address of its own to set, so the modules of Node that it sends over are.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const http2 = require("node:http2");
const https = require("node:https");

/** A `messaging` whose requests go to the server: `sendEach` over HTTP/2, a session per call, and `send` over HTTP/1.1, as it does. */
export function firebaseMessaging({ origin, ca }, accessToken) {
  const connect = http2.connect;
  http2.connect = (_authority, options) => {
    const session = connect(origin, { ...options, ca });
    const request = session.request;
    // it writes ":scheme: https:", which no server on nghttp2 accepts
    session.request = (headers, ...more) => request.call(session, { ...headers, ":scheme": "https" }, ...more);
    return session;
  };
  const { hostname, port } = new URL(origin);
  const request = https.request;
  https.request = (options, onAnswer) => request({ ...options, hostname, port, ca }, onAnswer);
  const { initializeApp } = require("firebase-admin/app");
  const { getMessaging } = require("firebase-admin/messaging");
  const credential = { getAccessToken: async () => ({ access_token: accessToken, expires_in: 3600 }) };
  return getMessaging(initializeApp({ credential, projectId: "demo" }));
}

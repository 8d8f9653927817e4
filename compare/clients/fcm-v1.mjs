// Clients of FCM HTTP v1, each as its README has it used. `http`: version that it speaks.
import { createRequire } from "node:module";
import { tellAll, toldBy, wordsOf } from "../lib/told.mjs";

const require = createRequire(import.meta.url);
const SCOPE = "https://www.googleapis.com/auth/firebase.messaging";
const data = { text: "hello" };

/** This SDK with its defaults, apart from `options`. */
const ours = (options) => async (server) => {
  const { createFcmSender } = await import("@cloud-messaging/http-sender");
  const sender = createFcmSender({ credential: server.account, endpoint: "https://fcm.googleapis.com", ...options });
  return {
    async send(tokens, tell) {
      const { outcomes } = await sender.send({ target: { tokens }, data });
      for (const { recipient, kind, code } of outcomes) tell(recipient, TOLD[kind] ?? "failed", code);
    },
    close: () => sender.close(),
  };
};
const TOLD = { accepted: "accepted", ambiguous: "doubt" };

const firebaseAdmin = (send) => async (server) => {
  const { cert, initializeApp } = require("firebase-admin/app");
  const { getMessaging } = require("firebase-admin/messaging");
  const messaging = getMessaging(initializeApp({ credential: cert(server.account) }));
  return { send: (tokens, tell) => send(messaging, tokens, tell) };
};

async function sendEach(messaging, tokens, tell) {
  const { responses } = await messaging.sendEach(tokens.map((token) => ({ token, data })));
  for (const [position, { success, error }] of responses.entries()) {
    tell(tokens[position], success ? "accepted" : toldBy(error), success ? undefined : wordsOf(error));
  }
}

const sendSingly = (messaging, tokens, tell) =>
  Promise.all(tokens.map((token) => tellAll(messaging.send({ token, data }), [token], tell)));

async function googleapis(server) {
  const { auth, fcm } = require("@googleapis/fcm");
  const client = fcm({ version: "v1", auth: new auth.GoogleAuth({ keyFile: server.account, scopes: [SCOPE] }) });
  const sendOne = (token) =>
    client.projects.messages.send({ parent: "projects/demo", requestBody: { message: { token, data } } });
  return { send: (tokens, tell) => Promise.all(tokens.map((token) => tellAll(sendOne(token), [token], tell))) };
}

async function fcmV1Http2(server) {
  const Client = require("fcm-v1-http2");
  const client = new Client({
    serviceAccount: require(server.account),
    maxConcurrentConnections: 2,
    maxConcurrentStreamsAllowed: 100,
  });
  return {
    // rejects for all, or resolves with the tokens that are not registered
    async send(tokens, tell) {
      const unregistered = new Set(await client.sendMulticast({ data }, tokens));
      for (const token of tokens) tell(token, unregistered.has(token) ? "failed" : "accepted");
    },
  };
}

async function nodePushnotifications(server) {
  const PushNotifications = require("node-pushnotifications");
  const push = new PushNotifications({ fcm: { serviceAccountKey: require(server.account) } });
  return {
    async send(tokens, tell) {
      const results = await push.send(tokens, { title: "Hi", body: "there", custom: data });
      for (const { regId, messageId, error, errorMsg } of results.flatMap(({ message }) => message)) {
        const failure = error ?? errorMsg;
        if (failure && !messageId) tell(regId, toldBy(failure), wordsOf(failure));
        else tell(regId, "accepted");
      }
    },
  };
}

export default {
  ours: { title: "this SDK", package: "@cloud-messaging/http-sender", http: "1.1", open: ours({}) },
  "ours-report": {
    title: 'this SDK, `ambiguous: "report"`',
    package: "@cloud-messaging/http-sender",
    http: "1.1",
    open: ours({ ambiguous: "report" }),
  },
  "ours-http2": {
    title: "this SDK, HTTP/2",
    package: "@cloud-messaging/http-sender",
    http: "2",
    open: ours({ httpVersion: "2" }),
  },
  "firebase-admin-each": {
    title: "firebase-admin, `sendEach`",
    package: "firebase-admin",
    http: "2",
    open: firebaseAdmin(sendEach),
  },
  "firebase-admin-send": {
    title: "firebase-admin, `send`",
    package: "firebase-admin",
    http: "1.1",
    open: firebaseAdmin(sendSingly),
  },
  "googleapis-fcm": { title: "@googleapis/fcm", package: "@googleapis/fcm", http: "1.1", open: googleapis },
  "fcm-v1-http2": { title: "fcm-v1-http2", package: "fcm-v1-http2", http: "2", open: fcmV1Http2 },
  "node-pushnotifications": {
    title: "node-pushnotifications",
    package: "node-pushnotifications",
    http: "2",
    open: nodePushnotifications,
  },
};

// Clients of the GCM HTTP connection server (FCM's legacy HTTP), each as its README has it used, with a time-out of 15 seconds where it has
// such an option and no default of its own.
import { createRequire } from "node:module";
import { toldBy, wordsOf } from "../lib/told.mjs";

const require = createRequire(import.meta.url);
const KEY = "AIzaSyEXAMPLE-0123456789-0123456789-012";
const ENDPOINT = "https://fcm.googleapis.com/fcm/send";
const TIMEOUT_MS = 15_000;
const data = { text: "hello" };

const ours = (options) => async () => {
  const { createGcmSender } = await import("@cloud-messaging/http-sender");
  const sender = createGcmSender({ apiKey: KEY, endpoint: ENDPOINT, requestTimeoutMs: TIMEOUT_MS, ...options });
  return {
    async send(tokens, tell) {
      const { outcomes } = await sender.send({ target: { tokens }, data });
      for (const { recipient, kind, code } of outcomes) tell(recipient, TOLD[kind] ?? "failed", code);
    },
    close: () => sender.close(),
  };
};
const TOLD = { accepted: "accepted", ambiguous: "doubt" };

/** node-gcm, and what has its interface. */
const nodeGcm = (library, options) => async () => {
  const gcm = require(library);
  const sender = new gcm.Sender(KEY, { timeout: TIMEOUT_MS, ...options });
  return {
    send: (tokens, tell) =>
      new Promise((resolve) => {
        sender.send(new gcm.Message({ data }), { registrationTokens: tokens }, (error, response) => {
          tellResults(tokens, error, response, tell);
          resolve();
        });
      }),
  };
};

async function fcmNode() {
  const FCM = require("fcm-node");
  const fcm = new FCM(KEY);
  return {
    send: (tokens, tell) =>
      new Promise((resolve) => {
        fcm.send({ ...recipientsOf(tokens), data }, (error, response) => {
          // where any recipient failed, the whole answer comes as the error, in text
          const answer = parsed(response) ?? parsed(error);
          tellResults(tokens, answer === undefined ? error : undefined, answer, tell);
          resolve();
        });
      }),
  };
}

async function fcmPush() {
  const FCM = require("fcm-push");
  const fcm = new FCM(KEY);
  return {
    async send(tokens, tell) {
      const answer = await fcm.send({ ...recipientsOf(tokens), data });
      tellResults(tokens, undefined, parsed(answer), tell);
    },
  };
}

const recipientsOf = (tokens) => (tokens.length === 1 ? { to: tokens[0] } : { registration_ids: tokens });

function parsed(answer) {
  try {
    const value = typeof answer === "string" ? JSON.parse(answer) : answer;
    return Array.isArray(value?.results) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Reads an answer of the protocol by position: what its caller would do. A token without a result was told nothing but the error. */
function tellResults(tokens, error, response, tell) {
  for (const [position, token] of tokens.entries()) {
    const result = response?.results?.[position];
    if (result?.message_id !== undefined) tell(token, "accepted");
    else if (result !== undefined) tell(token, "failed", result.error);
    else if (error) tell(token, toldBy(error), wordsOf(error));
    else tell(token, "accepted", "no error, and no result");
  }
}

export default {
  ours: { title: "this SDK", package: "@cloud-messaging/http-sender", open: ours({}) },
  "ours-report": {
    title: 'this SDK, `ambiguous: "report"`',
    package: "@cloud-messaging/http-sender",
    open: ours({ ambiguous: "report" }),
  },
  "ours-node-gcm": {
    title: "this SDK's node-gcm drop-in",
    package: "@cloud-messaging/node-gcm",
    open: nodeGcm("@cloud-messaging/node-gcm", { uri: ENDPOINT }),
  },
  "node-gcm": { title: "node-gcm", package: "node-gcm", open: nodeGcm("node-gcm") },
  "parse-node-gcm": { title: "@parse/node-gcm", package: "@parse/node-gcm", open: nodeGcm("@parse/node-gcm") },
  "fcm-node": { title: "fcm-node", package: "fcm-node", open: fcmNode },
  "fcm-push": { title: "fcm-push", package: "fcm-push", open: fcmPush },
};

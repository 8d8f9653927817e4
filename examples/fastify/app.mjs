import Fastify from "fastify";
import { push } from "./push.mjs";

const text = { type: "string" };
const token = { type: "string", minLength: 1, maxLength: 4_096 };
const texts = { type: "object", additionalProperties: text };
const body = (properties, required) => ({
  body: { type: "object", properties, required, additionalProperties: false },
});
const registration = body({ token, platform: text, appVersion: text, locale: text, attributes: texts }, ["token"]);
const message = {
  data: texts,
  notification: { type: "object" },
  collapseKey: text,
  timeToLiveSec: { type: "integer" },
};

/** Creates the service. `senderOptions` are those of `createFcmSender`, with `registrations`. */
export async function createApp(senderOptions, { asUser, asService }) {
  // bodies are small; nothing in them is taken for something else, or left out
  const ajv = { customOptions: { coerceTypes: false, removeAdditional: false } };
  const app = Fastify({ bodyLimit: 16_384, requestTimeout: 30_000, ajv });
  app.setErrorHandler(answerError);
  await app.register(push, senderOptions);

  // the app: at each start, when its token changes, and at least once a month
  app.put("/registrations", { onRequest: asUser, schema: registration }, async ({ userId, body }, reply) => {
    const { token, ...details } = body;
    await app.registrations.register(userId, token, details); // on the disk when it resolves
    return reply.code(204).send();
  });

  // the app, before the user is gone from the screen
  app.post("/sign-out", { onRequest: asUser, schema: body({ token }, ["token"]) }, async ({ userId, body }, reply) => {
    await app.registrations.unregister(userId, body.token);
    return reply.code(204).send();
  });

  // the back office
  const toUser = body({ userId: text, ...message }, ["userId"]);
  app.post("/messages", { onRequest: asService, schema: toUser }, async ({ body: { userId, ...content } }) => {
    const { outcomes } = await app.push.sendToUser(userId, content, { timeoutMs: 20_000 });
    // no tokens: whoever has one can be sent to
    return { outcomes: outcomes.map(({ kind, code }) => ({ kind, code })) };
  });
  return app;
}

function answerError(error, _request, reply) {
  const { code, statusCode } = error;
  if (code === "ERR_INVALID_REGISTRATION" || code === "ERR_INVALID_MESSAGE")
    return reply.code(400).send({ error: error.message });
  if (statusCode >= 400 && statusCode < 500) return reply.code(statusCode).send({ error: error.message });
  // the store, the network, this program: nothing for the caller to mend, and nothing to tell
  console.error(`${error.name} ${code ?? ""}: ${error.message}`);
  return reply.code(503).header("retry-after", "10").send({ error: "try again later" });
}

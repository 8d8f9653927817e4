// An Express application that sends over FCM HTTP v1: messages by POST /messages, its state for the load balancer by GET /health.
const { isCloudMessagingError } = require("@cloud-messaging/http-sender");
const express = require("express");

const CALLERS_FAULTS = ["ERR_INVALID_MESSAGE", "ERR_INVALID_REGISTRATION"];

/** @param {import("@cloud-messaging/http-sender").FcmSender} sender Closed by whoever made it. */
function createApp(sender) {
  const app = express();
  app.use(express.json({ limit: "16kb" }));

  app.post("/messages", async (request, response) => {
    const { token, ...content } = request.body ?? {};
    const { outcome } = await sender.send({ ...content, target: { token } }, { timeoutMs: 20_000 });
    response.json({ kind: outcome.kind, code: outcome.code });
  });

  app.get("/health", (_request, response) => {
    const { ready, reason, lastError, backlog } = sender.health();
    response.status(ready ? 200 : 503).json({ ready, reason, lastError, backlog });
  });

  // Express knows an error handler by its four parameters
  app.use((error, _request, response, _next) => {
    const isInvalid = isCloudMessagingError(error) && CALLERS_FAULTS.includes(error.code);
    const status = isInvalid ? 400 : (error.status ?? 503);
    response.status(status).json({ error: status < 500 ? error.message : "try again later" });
  });
  return app;
}

module.exports = { createApp };

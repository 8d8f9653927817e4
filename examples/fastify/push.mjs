import { createFcmSender } from "@cloud-messaging/http-sender";
import plugin from "fastify-plugin";

/**
 * Plugin: `app.push`, a sender for the life of the server; `app.registrations`, its store, which whoever opened it closes; `GET /health`.
 * Its options are those of the sender, with a store.
 */
export const push = plugin(async (app, options) => {
  const { registrations } = options;
  const sender = createFcmSender(options);
  app.decorate("push", sender);
  app.decorate("registrations", registrations);

  // Fastify calls this when every request under way has been answered
  app.addHook("onClose", () => sender.close());

  // of this process alone: registrations of apps are taken while the service is down
  app.get("/health", async (_request, reply) => {
    const { ready, reason, lastError, backlog } = sender.health();
    return reply.code(ready ? 200 : 503).send({ ready, reason, lastError, backlog, ...(await registrations.counts()) });
  });
});

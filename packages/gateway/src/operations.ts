import { createHttpApp, type HttpAnswer, type HttpServer } from "@cloud-messaging/connection-server";
import type { Outbox } from "@cloud-messaging/core/transport";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { GatewayEvent } from "./event.ts";

/** Time limit of headers. Unit: milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** State of the gateway, for health checks and gauges. */
export interface OperationsSource {
  readonly underWay: () => number;
  readonly ccsConnections: () => number;
  readonly outboxes: () => ReadonlyMap<string, Pick<Outbox, "backlog">>;
  /** Reason why the gateway is not ready; `undefined` if it is. */
  readonly notReady: () => Promise<string | undefined>;
}

/** Health and metrics of a gateway. */
export interface Operations {
  /** Counts an event. */
  observe(event: GatewayEvent): void;
  listen(): Promise<HttpServer>;
}

/** Creates the routes `/healthz`, `/readyz` and `/metrics`. Labels are names of the config and codes of the table: their number is bounded. */
export function createOperations(
  { host, port }: { readonly host: string; readonly port: number },
  source: OperationsSource,
): Operations {
  const registry = new Registry();
  const registers = [registry];
  const messages = new Counter({
    name: "cloud_messaging_gateway_messages_total",
    help: "Messages answered, one per recipient",
    labelNames: ["client", "protocol", "result"],
    registers,
  });
  const duration = new Histogram({
    name: "cloud_messaging_gateway_answer_seconds",
    help: "Time from a message to its answer",
    labelNames: ["protocol"],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const management = new Counter({
    name: "cloud_messaging_gateway_management_calls_total",
    help: "Calls about device groups and topics answered",
    labelNames: ["client", "service", "status"],
    registers,
  });
  const logins = new Counter({
    name: "cloud_messaging_gateway_refused_logins_total",
    help: "Logins refused",
    labelNames: ["protocol", "reason"],
    registers,
  });
  const failures = new Counter({
    name: "cloud_messaging_gateway_failures_total",
    help: "Failures of the gateway itself",
    registers,
  });
  new Gauge({
    name: "cloud_messaging_gateway_under_way",
    help: "Messages without an answer",
    registers,
    collect() {
      this.set(source.underWay());
    },
  });
  new Gauge({
    name: "cloud_messaging_gateway_ccs_connections",
    help: "CCS connections that are logged in",
    registers,
    collect() {
      this.set(source.ccsConnections());
    },
  });
  new Gauge({
    name: "cloud_messaging_gateway_outbox_backlog",
    help: "Recipients in the outbox without a final outcome",
    labelNames: ["project"],
    registers,
    async collect() {
      this.reset();
      for (const [project, outbox] of source.outboxes()) {
        // one whose storage fails, or that is closed, has no number
        const backlog = await outbox.backlog().catch(() => undefined);
        if (backlog !== undefined) this.set({ project }, backlog.recipients);
      }
    },
  });
  const text = (status: number, body: string, contentType = "text/plain; charset=UTF-8"): HttpAnswer => ({
    status,
    contentType,
    body,
  });
  const app = createHttpApp(
    [
      { method: "GET", path: "/healthz", handle: () => text(200, "ok\n") },
      {
        method: "GET",
        path: "/readyz",
        async handle() {
          const reason = await source.notReady();
          return reason === undefined ? text(200, "ready\n") : text(503, `${reason}\n`);
        },
      },
      {
        method: "GET",
        path: "/metrics",
        handle: async () => text(200, await registry.metrics(), registry.contentType),
      },
    ],
    { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS },
  );
  return {
    observe(event) {
      switch (event.type) {
        case "answered":
          messages.inc({ client: event.client, protocol: event.protocol, result: event.result });
          duration.observe({ protocol: event.protocol }, event.tookMs / 1000);
          break;
        case "management":
          management.inc({ client: event.client, service: event.service, status: String(event.status) });
          break;
        case "login-refused":
          logins.inc({ protocol: event.protocol, reason: event.reason });
          break;
        case "failure":
          failures.inc();
      }
    },
    listen() {
      // they watch the whole process, from now on
      collectDefaultMetrics({ register: registry });
      return app.listen({ host, port });
    },
  };
}

// What does the instrumentation for OpenTelemetry add to a message? The floor is the same sender without a subscriber.
import { httpCase } from "./http.mjs";
import { v1Case } from "./v1.mjs";

/** Subscribed, without an SDK of OpenTelemetry: its API makes spans and counters that do nothing. */
async function subscribe() {
  const { CloudMessagingInstrumentation } = await import("@cloud-messaging/opentelemetry");
  new CloudMessagingInstrumentation();
}

/** Spans and metrics are recorded, under a context manager; none is exported. */
async function record() {
  const { context, metrics, trace } = await import("@opentelemetry/api");
  const { AsyncLocalStorageContextManager } = await import("@opentelemetry/context-async-hooks");
  const { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } = await import(
    "@opentelemetry/sdk-metrics"
  );
  const { TracerProvider } = await import("@opentelemetry/sdk-trace");
  const nothing = async () => {};
  const processor = { onStart() {}, onEnd() {}, forceFlush: nothing, shutdown: nothing };
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [processor] }));
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  await subscribe();
}

/** A case of another file: its sender with the instrumentation against itself without. */
function observed(name, { contestants: { ours }, ...rest }, setUp) {
  const instrumented = async (server) => {
    await setUp();
    return ours(server);
  };
  return { ...rest, name, group: "observability", contestants: { floor: ours, ours: instrumented }, missing: [] };
}

const gcm = httpCase("http-single", 1, 64, 6_000);
const v1 = v1Case("v1-http1", { messages: 6_000, adminBatch: 500 });

export default [
  observed("observability-gcm-api", gcm, subscribe),
  observed("observability-gcm-sdk", gcm, record),
  observed("observability-v1-api", v1, subscribe),
  observed("observability-v1-sdk", v1, record),
];

import { CloudMessagingInstrumentation } from "@cloud-messaging/opentelemetry";
import type { Instrumentation as InstrumentationOfV2 } from "../opentelemetry/v2/sdk.ts";
import type { Instrumentation } from "../opentelemetry/v3/sdk.ts";

/** The SDK of OpenTelemetry in the line for this version of Node: 3 needs 22.15, and 2 is the last for Node 20. */
type Sdk = typeof import("../opentelemetry/v3/sdk.ts");
const line = Number(process.versions.node.split(".")[0]) >= 22 ? "v3" : "v2";

/** A span, as far as tests look at it. */
export type TestSpan = ReturnType<InstanceType<Sdk["InMemorySpanExporter"]>["getFinishedSpans"]>[number];

/** One value of a metric. */
export interface TestPoint {
  readonly metric: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

/**
 * Sets up OpenTelemetry in this process, with this SDK's instrumentation and that of undici: once per test file, since its providers are
 * global.
 */
export async function setUpOpenTelemetry() {
  const sdk: Sdk =
    line === "v3"
      ? await import("../opentelemetry/v3/sdk.ts")
      : ((await import("../opentelemetry/v2/sdk.ts")) as unknown as Sdk);
  const spans = new sdk.InMemorySpanExporter();
  const metricExporter = new sdk.InMemoryMetricExporter(sdk.AggregationTemporality.CUMULATIVE);
  const reader = new sdk.PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
  const tracerProvider = new sdk.TracerProvider({
    spanProcessors: [new sdk.SimpleSpanProcessor({ exporter: spans })],
  } as never);
  const meterProvider = new sdk.MeterProvider({ readers: [reader] });
  const contextManager = new sdk.AsyncLocalStorageContextManager().enable();
  sdk.context.setGlobalContextManager(contextManager);
  sdk.propagation.setGlobalPropagator(new sdk.W3CTraceContextPropagator());
  // the compiler holds that it is one, in this line and the other
  const own: Instrumentation & InstrumentationOfV2 = new CloudMessagingInstrumentation();
  const unregister = sdk.registerInstrumentations({
    instrumentations: [own, new sdk.UndiciInstrumentation()],
    tracerProvider,
    meterProvider,
  });
  return {
    sdk,
    spans: (): TestSpan[] => spans.getFinishedSpans() as TestSpan[],
    reset: () => spans.reset(),
    /** Everything that the metrics say now. */
    async points(): Promise<TestPoint[]> {
      const { resourceMetrics } = await reader.collect();
      return resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
        metrics.flatMap(({ descriptor, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => ({ metric: descriptor.name, attributes, value })),
        ),
      );
    },
    /** The same in the text format of Prometheus. */
    async prometheus(): Promise<string> {
      const { resourceMetrics } = await reader.collect();
      return new sdk.PrometheusSerializer().serialize(resourceMetrics);
    },
    async close() {
      unregister();
      await Promise.all([tracerProvider.shutdown(), meterProvider.shutdown()]);
      sdk.context.disable();
      sdk.propagation.disable();
    },
  };
}

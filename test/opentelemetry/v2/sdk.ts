export { context, propagation, SpanKind, trace } from "@opentelemetry/api";
export { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
export { W3CTraceContextPropagator } from "@opentelemetry/core";
export { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
export { type Instrumentation, registerInstrumentations } from "@opentelemetry/instrumentation";
export { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
export {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
export {
  ConsoleSpanExporter,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";

export { ATTRIBUTES, type AttributeName } from "./attributes.ts";
export { GAUGES } from "./gauges.ts";
export { CloudMessagingInstrumentation, type CloudMessagingInstrumentationConfig } from "./instrumentation.ts";
export { METRICS, type MetricDefinition, type MetricName } from "./instruments.ts";

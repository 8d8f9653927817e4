// `node --import @cloud-messaging/opentelemetry/register app.js`: for programs whose OpenTelemetry SDK is set up by another --import
import { CloudMessagingInstrumentation } from "./instrumentation.ts";

/** The instrumentation of this process, over the global providers, whenever they are set. */
export const instrumentation: CloudMessagingInstrumentation = new CloudMessagingInstrumentation();

// Prints the traces of docs/observability-traces.md:
//   node --import @cloud-messaging/opentelemetry/register trace.mjs send|outbox
import { createMemoryOutboxEngine, createOutbox } from "@cloud-messaging/core/transport";
import { startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createFcmV1Transport } from "@cloud-messaging/http-sender";
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { ConsoleSpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

const spanProcessors = [new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() })];
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());

const emulator = await startEmulator({ ccsPort: false });
const { token } = emulator.createDevice();
emulator.faults.next({ token, error: "unavailable" });
const message = { target: { token }, data: { order: "17" } };
const retry = { initialMs: 50, minMs: 50, maxMs: 50 };
if (process.argv[2] === "send") {
  const sender = createFcmSender({ ...emulator.fcmOptions(), retry });
  await sender.send(message);
  await sender.close();
} else {
  const transport = createFcmV1Transport(emulator.fcmOptions());
  const outbox = createOutbox({ engine: createMemoryOutboxEngine(), transport, retry });
  await outbox.enqueue(message, { key: "order-17" });
  await outbox.work({ untilIdle: true });
  await outbox.close();
}
await emulator.close();

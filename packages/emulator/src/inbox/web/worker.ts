import { receive, type StreamEvent } from "./receive.ts";

// One stream of events for all tabs: over HTTP/1.1 a browser opens six connections to a host, and a stream takes one for good.

const ports = new Set<MessagePort>();
let last: StreamEvent["kind"] | undefined;

addEventListener("connect", (event) => {
  const [port] = (event as MessageEvent).ports as unknown as [MessagePort];
  ports.add(port);
  // a tab that goes says so
  port.onmessage = () => ports.delete(port);
  if (last !== undefined) port.postMessage({ kind: last, data: "" } satisfies StreamEvent);
});

receive(new URL("../emulator/v1/events", import.meta.url).href, (event) => {
  if (event.kind === "hello" || event.kind === "lost") last = event.kind;
  for (const port of ports) port.postMessage(event);
});

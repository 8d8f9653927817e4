import { receive, type StreamEvent } from "./receive.ts";

// One event stream for all tabs: over HTTP/1.1 a browser opens at most six connections to a host, and a stream occupies one.

const ports = new Set<MessagePort>();
let last: StreamEvent["kind"] | undefined;

addEventListener("connect", (event) => {
  // this event brings exactly one
  const [port] = (event as MessageEvent).ports as readonly [MessagePort];
  ports.add(port);
  // sent by a tab when it closes
  port.onmessage = () => ports.delete(port);
  if (last !== undefined) port.postMessage({ kind: last, data: "" } satisfies StreamEvent);
});

receive(new URL("../emulator/v1/events", import.meta.url).href, (event) => {
  if (event.kind === "hello" || event.kind === "lost") last = event.kind;
  for (const port of ports) port.postMessage(event);
});

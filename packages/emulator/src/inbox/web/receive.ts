/** Event types used by the page. */
const KINDS = [
  "hello",
  "message",
  "pruned",
  "cleared",
  "removed",
  "device",
  "connection",
  "fault",
  "violation",
  "full",
  "clock",
  "reset",
] as const;
/** Delay before the next connection attempt. Unit: milliseconds. */
const RETRY_MS = 1000;

/** Event of the emulator; `hello` begins a stream, after which everything is loaded again, and `lost` ends it. */
export interface StreamEvent {
  readonly kind: (typeof KINDS)[number] | "lost";
  /** JSON of the event. */
  readonly data: string;
}

/** Receives the emulator's events over one connection, and reconnects when it is lost. */
export function receive(url: string, tell: (event: StreamEvent) => void): () => void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  const connect = (): void => {
    const opened = new EventSource(url);
    source = opened;
    opened.onerror = () => {
      opened.close();
      tell({ kind: "lost", data: "" });
      retry = setTimeout(connect, RETRY_MS);
    };
    for (const kind of KINDS) opened.addEventListener(kind, ({ data }) => tell({ kind, data: String(data) }));
  };
  connect();
  return () => {
    clearTimeout(retry);
    source?.close();
  };
}

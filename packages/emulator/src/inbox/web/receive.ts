/** Kinds of events that the page follows. */
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
/** Delay before the next attempt. Unit: milliseconds. */
const RETRY_MS = 1000;

/** One event of the emulator; `hello` begins a stream, after which everything has to be asked for anew, and `lost` ends it. */
export interface StreamEvent {
  readonly kind: (typeof KINDS)[number] | "lost";
  /** JSON. */
  readonly data: string;
}

/** Receives the emulator's events over one connection, and connects again after a break. */
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

import type { Socket } from "node:net";

/** Longest head of an interim answer that is waited for. Unit: bytes. */
const MAX_HEAD_BYTES = 16_384;
/** Beginning of an interim answer, in the form of which `sample` is one. 101 is none: the connection changes its protocol after it. */
const INTERIM = /^HTTP\/1\.[01] 1(?!01)\d\d/;
const SAMPLE = "HTTP/1.1 100";
const HEAD_END = "\r\n\r\n";

/**
 * Takes the interim answers (1xx) that stand before an answer out of what is read from a connection. A server may send them unasked (RFC
 * 9110, section 15.2), and undici up to 7.30 breaks the connection off at a `100 Continue`, which leaves a message in doubt that was
 * answered. Requests must not be pipelined: an answer begins after the latest write.
 */
export function withoutInterimAnswers<T extends Pick<Socket, "read" | "write">>(socket: T): T {
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let atStart = true;
  let held: Buffer | undefined;

  socket.write = ((...args: unknown[]) => {
    atStart = true;
    return write(...args);
  }) as T["write"];
  socket.read = (size?: number): Buffer | null => {
    if (size !== undefined || !atStart) return read(size) as Buffer | null;
    for (;;) {
      const chunk = read() as Buffer | null;
      if (chunk === null) return null;
      held = held === undefined ? chunk : Buffer.concat([held, chunk]);
      const length = interimLength(held);
      if (length === "unknown") continue;
      const rest = held.subarray(length);
      held = undefined;
      if (rest.length === 0) continue;
      atStart = false;
      return rest;
    }
  };
  return socket;
}

/** Length of the interim answers that bytes begin with; unknown as long as they may be the beginning of another one. */
function interimLength(bytes: Buffer): number | "unknown" {
  let from = 0;
  while (from < bytes.length) {
    const start = bytes.toString("latin1", from, from + SAMPLE.length);
    // what is missing of the beginning is filled up with what it may become
    if (!INTERIM.test(start + SAMPLE.slice(start.length))) return from;
    const end = bytes.indexOf(HEAD_END, from);
    if (end === -1) return bytes.length - from > MAX_HEAD_BYTES ? from : "unknown";
    from = end + HEAD_END.length;
  }
  return from;
}

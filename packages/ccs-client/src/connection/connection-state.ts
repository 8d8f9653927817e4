import type { AuthenticationError, ConnectionError } from "@cloud-messaging/core";

/** Reason of draining. */
export type DrainReason =
  /** CONNECTION_DRAINING control message. */
  | "control"
  /** CONNECTION_DRAINING as the error of a nack. */
  | "nack"
  /** A message exceeded `ackTimeoutMs`. */
  | "ack-timeout";

/** Error that ended a connection. */
export type ConnectionEnd = ConnectionError | AuthenticationError;

/** Reason that lasts until the configuration is corrected. */
export interface Refusal {
  readonly code: "authentication-failed" | "untrusted-certificate" | "wrong-protocol";
  readonly error: ConnectionEnd;
}

/** State of one connection. An ended connection does not come back. */
export type ConnectionState =
  /** Before login; nothing can be written. */
  | { readonly phase: "connecting" }
  | { readonly phase: "open"; readonly jid: string }
  /** Accepts no new messages; answers and upstream messages still arrive, and upstream messages can be acknowledged. */
  | { readonly phase: "draining"; readonly jid: string; readonly reason: DrainReason }
  /** This side has closed the stream and waits for the server. */
  | { readonly phase: "closing" }
  /** Ended. `cause` is absent if this side closed it. */
  | { readonly phase: "closed"; readonly cause?: ConnectionEnd };

/** Event of a connection. */
export type ConnectionEvent =
  /** Logged in and bound. `drain`: CCS has announced draining already. */
  | { readonly type: "online"; readonly jid: string; readonly drain?: DrainReason }
  | { readonly type: "drain"; readonly reason: DrainReason }
  | { readonly type: "close" }
  | { readonly type: "ended"; readonly cause: ConnectionEnd };

/** Returns the state after an event; the same object if nothing changes. */
export function transition(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  switch (state.phase) {
    case "connecting":
      if (event.type === "online") {
        const { jid, drain } = event;
        return drain === undefined ? { phase: "open", jid } : { phase: "draining", jid, reason: drain };
      }
      // no stream to close yet
      if (event.type === "close") return { phase: "closed" };
      if (event.type === "ended") return { phase: "closed", cause: event.cause };
      return state;
    case "open":
      if (event.type === "drain") return { phase: "draining", jid: state.jid, reason: event.reason };
      if (event.type === "close") return { phase: "closing" };
      if (event.type === "ended") return { phase: "closed", cause: event.cause };
      return state;
    case "draining":
      if (event.type === "close") return { phase: "closing" };
      if (event.type === "ended") return { phase: "closed", cause: event.cause };
      return state;
    case "closing":
      return event.type === "ended" ? { phase: "closed" } : state;
    case "closed":
      return state;
  }
}

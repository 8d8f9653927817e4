import type { AuthenticationError, ConnectionError } from "@cloud-messaging/core";

/** Why new messages go elsewhere. */
export type DrainReason =
  /** CCS announced it. */
  | "control"
  /** CCS refused a message with it. */
  | "nack"
  /** A message was not answered in time: the connection is not trusted any more. */
  | "ack-timeout";

/** Why a connection ended. */
export type ConnectionEnd = ConnectionError | AuthenticationError;

/** The life of one connection. What a phase needs lives in it; a connection that has ended never comes back. */
export type ConnectionState =
  /** Nothing can be written yet. */
  | { readonly phase: "connecting" }
  | { readonly phase: "open"; readonly jid: string }
  /** Takes no new message; what is pending is still answered, upstream messages still come and are acknowledged. */
  | { readonly phase: "draining"; readonly jid: string; readonly reason: DrainReason }
  /** We have closed the stream and wait for the server to do so. */
  | { readonly phase: "closing" }
  /** `cause` is absent when we wanted it to end. */
  | { readonly phase: "closed"; readonly cause?: ConnectionEnd };

/** What can happen to a connection. */
export type ConnectionEvent =
  /** Logged in and bound. With `drain`, CCS has announced the end already. */
  | { readonly type: "online"; readonly jid: string; readonly drain?: DrainReason }
  | { readonly type: "drain"; readonly reason: DrainReason }
  | { readonly type: "close" }
  | { readonly type: "ended"; readonly cause: ConnectionEnd };

/** The state after an event. The same object when the event changes nothing. */
export function transition(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  switch (state.phase) {
    case "connecting":
      if (event.type === "online") {
        const { jid, drain } = event;
        return drain === undefined ? { phase: "open", jid } : { phase: "draining", jid, reason: drain };
      }
      // nothing to close properly yet
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

import { systemClock } from "@cloud-messaging/core/transport";
import type { EmulatorEvent, EmulatorEvents } from "../events.ts";
import type { CapturedMessage } from "../model/message.ts";
import type { HttpStream } from "./live-streams.ts";

/** Interval within which events are batched into one write. Implementation limit. */
const COLLECT_MS = 40;
/** Interval of keep-alive comments, against idle time-outs of proxies. Implementation limit. */
const HEARTBEAT_MS = 15_000;

/** Captured message without the parts needed only for its detail view. */
export type MessageSummary = Omit<CapturedMessage, "wire" | "timeline" | "data"> & {
  /** Short text for a list; its length is bounded in characters, not bytes. */
  readonly preview: string;
};

/** Summary of a message. */
export function summaryOf(message: CapturedMessage): MessageSummary {
  const { wire: _wire, timeline: _timeline, data, ...rest } = message;
  const title = message.notification?.["title"];
  const preview = typeof title === "string" ? title : JSON.stringify(data);
  return { ...rest, preview: preview.length > 160 ? `${preview.slice(0, 160)}…` : preview };
}

/** Events as server-sent events: `event:` is the type, `data:` the JSON. Messages are sent as summaries. */
export function liveEvents(events: EmulatorEvents): HttpStream {
  // on the system clock, since readers do not follow the time of the service
  const clock = systemClock;
  return {
    contentType: "text/event-stream; charset=UTF-8",
    stream(write) {
      let text = "";
      let cancelFlush: (() => void) | undefined;
      let cancelHeartbeat = (): void => {};
      const heartbeat = (): void => {
        write(": still here\n\n");
        cancelHeartbeat = clock.schedule(HEARTBEAT_MS, heartbeat);
      };
      cancelHeartbeat = clock.schedule(HEARTBEAT_MS, heartbeat);
      write(`event: hello\ndata: {}\n\n`);
      const unsubscribe = events.subscribe((event) => {
        text += linesOf(event);
        cancelFlush ??= clock.schedule(COLLECT_MS, () => {
          cancelFlush = undefined;
          const collected = text;
          text = "";
          write(collected);
        });
      });
      return () => {
        unsubscribe();
        cancelFlush?.();
        cancelHeartbeat();
      };
    },
  };
}

let written: { readonly event: EmulatorEvent; readonly lines: string } | undefined;

/** Serialized event, created once for all readers. */
function linesOf(event: EmulatorEvent): string {
  if (written?.event !== event) {
    written = { event, lines: `event: ${event.type}\ndata: ${JSON.stringify(plain(event))}\n\n` };
  }
  return written.lines;
}

function plain(event: EmulatorEvent): unknown {
  return event.type === "message" ? { ...event, message: summaryOf(event.message) } : event;
}

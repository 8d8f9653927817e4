import { systemClock } from "@cloud-messaging/core";
import type { EmulatorEvent, EmulatorEvents } from "../events.ts";
import type { CapturedMessage } from "../model/message.ts";
import type { HttpStream } from "./live-streams.ts";

/** Events are collected for so long and leave in one write. Ours: fast enough for an eye, slow enough for a thousand a second. */
const COLLECT_MS = 40;
/** A comment this often, so that nobody on the way takes the silence for the end. Ours. */
const HEARTBEAT_MS = 15_000;

/** A captured message without what is only needed to look at it closely. */
export type MessageSummary = Omit<CapturedMessage, "wire" | "timeline" | "data"> & {
  /** Bytes are not counted: this is for a line in a list. */
  readonly preview: string;
};

/** A line about a message. */
export function summaryOf(message: CapturedMessage): MessageSummary {
  const { wire: _wire, timeline: _timeline, data, ...rest } = message;
  const title = message.notification?.["title"];
  const preview = typeof title === "string" ? title : JSON.stringify(data);
  return { ...rest, preview: preview.length > 160 ? `${preview.slice(0, 160)}…` : preview };
}

/** Everything that happens, as server-sent events: `event:` is the kind, `data:` the JSON. Of a message its summary. */
export function liveEvents(events: EmulatorEvents): HttpStream {
  // who watches does so in the time of the machine, whatever time the service is in
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

/** An event as it is sent; made once for all who listen, one after the other, while it happens. */
function linesOf(event: EmulatorEvent): string {
  if (written?.event !== event) {
    written = { event, lines: `event: ${event.type}\ndata: ${JSON.stringify(plain(event))}\n\n` };
  }
  return written.lines;
}

function plain(event: EmulatorEvent): unknown {
  return event.type === "message" ? { ...event, message: summaryOf(event.message) } : event;
}

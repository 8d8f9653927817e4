import type { HttpAnswer } from "../../http-server.ts";
import { summaryOf } from "../../inbox/live.ts";
import type { CapturedMessage } from "../../model/message.ts";
import { type CallInput, CallProblem, type ControlCall, done, ok } from "./call.ts";

/** Messages listed per call at most. */
const MAX_LISTED = 1000;

/** Captured messages. */
export const MESSAGE_CALLS: readonly ControlCall[] = [
  {
    method: "GET",
    path: "/messages",
    summary: "Captured messages, the newest first",
    query: {
      limit: `How many at most, 1 to ${MAX_LISTED}; default 100`,
      before: "Only those with a smaller ID",
      state: "Only in this state",
      door: "Only through this door",
      search: "Only where the recipient, an ID, the collapse key or what came over the wire holds this text",
    },
    run: listMessages,
  },
  {
    method: "GET",
    path: "/messages/latest",
    summary: "The newest captured message",
    run({ emulator }) {
      const latest = emulator.inbox.latest();
      if (latest === undefined) throw new CallProblem(404, "nothing was captured yet");
      return ok(latest);
    },
  },
  {
    method: "GET",
    path: "/messages/:id",
    summary: "One captured message with its timeline",
    run({ emulator, request }) {
      const message = emulator.inbox.get(Number(request.params["id"]));
      if (message === undefined) throw new CallProblem(404, "no such message, or it was pruned");
      return ok(message);
    },
  },
  {
    method: "DELETE",
    path: "/messages",
    summary: "Forgets the captured messages; what waits for a device still waits",
    run({ emulator }) {
      emulator.inbox.clear();
      return done();
    },
  },
];

function listMessages({ emulator, request }: CallInput<unknown>): HttpAnswer {
  const { query } = request;
  const limit = Math.min(MAX_LISTED, Math.max(1, Number(query.get("limit") ?? 100) || 100));
  const before = Number(query.get("before") ?? Number.POSITIVE_INFINITY);
  const search = query.get("search")?.toLowerCase() ?? "";
  const state = query.get("state");
  const door = query.get("door");
  const found: unknown[] = [];
  const { messages } = emulator.inbox;
  for (let i = messages.length - 1; i >= 0 && found.length < limit; i--) {
    const message = messages[i] as CapturedMessage;
    if (message.id >= before || (state !== null && message.state !== state)) continue;
    if ((door !== null && message.door !== door) || (search !== "" && !holds(message, search))) continue;
    found.push(summaryOf(message));
  }
  return ok({ messages: found, total: emulator.inbox.total, pruned: emulator.inbox.pruned });
}

function holds({ to, messageId, collapseKey, wire }: CapturedMessage, text: string): boolean {
  return [to, messageId, collapseKey, wire].some((field) => field?.toLowerCase().includes(text));
}

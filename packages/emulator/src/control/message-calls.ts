import type { HttpAnswer } from "@cloud-messaging/connection-server";
import { summaryOf } from "../inbox/live.ts";
import type { CapturedMessage } from "../model/message.ts";
import { type CallInput, CallProblem, type ControlCall, done, ok } from "./call.ts";
import type { MessageQuery } from "./query.ts";

/** Calls for captured messages. */
export const MESSAGE_CALLS: readonly ControlCall[] = [
  {
    method: "GET",
    path: "/messages",
    summary: "Captured messages, the newest first",
    query: "list",
    run: listMessages,
  },
  {
    method: "GET",
    path: "/messages/latest",
    summary: "The newest captured message, of all or of those that match",
    query: "narrow",
    run(call) {
      const [latest] = newest(call, 1);
      if (latest !== undefined) return ok(latest);
      const some = call.emulator.inbox.messages.length > 0;
      throw new CallProblem(404, some ? "no captured message matches" : "nothing was captured yet");
    },
  },
  {
    method: "GET",
    path: "/messages/:id",
    summary: "One captured message with its timeline",
    run: (call) => ok(messageOf(call)),
  },
  {
    method: "DELETE",
    path: "/messages/:id",
    summary: "Forgets one captured message; if it waits for a device, it still waits",
    run(call) {
      const { id } = messageOf(call);
      call.emulator.inbox.remove((message) => message.id === id);
      return done();
    },
  },
  {
    method: "DELETE",
    path: "/messages",
    summary: "Forgets the captured messages, all or those that match; what waits for a device still waits",
    query: "narrowBefore",
    run: ({ emulator, query }) => ok({ deleted: emulator.inbox.remove(matches(query)) }),
  },
];

function messageOf({ emulator, request }: CallInput<unknown>): CapturedMessage {
  const id = request.params["id"] ?? "";
  const message = /^\d+$/.test(id) ? emulator.inbox.get(Number(id)) : undefined;
  if (message === undefined) throw new CallProblem(404, "no such message, or it was pruned or deleted");
  return message;
}

function listMessages(call: CallInput<unknown>): HttpAnswer {
  const { inbox } = call.emulator;
  const messages = newest(call, call.query.limit ?? 100).map(summaryOf);
  return ok({ messages, total: inbox.total, pruned: inbox.pruned });
}

/** Returns the newest messages that match the query. */
function newest({ emulator, query }: CallInput<unknown>, limit: number): CapturedMessage[] {
  const found: CapturedMessage[] = [];
  const { messages } = emulator.inbox;
  const wanted = matches(query);
  for (let i = messages.length - 1; i >= 0 && found.length < limit; i--) {
    const message = messages[i] as CapturedMessage;
    if (wanted(message)) found.push(message);
  }
  return found;
}

/** Filters messages by a query. */
function matches({ before, state, protocol, to, search }: MessageQuery): (message: CapturedMessage) => boolean {
  const word = search?.toLowerCase();
  return (message) =>
    (before === undefined || message.id < before) &&
    (state === undefined || message.state === state) &&
    (protocol === undefined || message.protocol === protocol) &&
    (to === undefined || message.to === to) &&
    (word === undefined || holds(message, word));
}

function holds({ to, messageId, collapseKey, wire }: CapturedMessage, text: string): boolean {
  return [to, messageId, collapseKey, wire].some((field) => field?.toLowerCase().includes(text));
}

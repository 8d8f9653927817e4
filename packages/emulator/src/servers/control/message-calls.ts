import type { HttpAnswer } from "../../http-server.ts";
import { summaryOf } from "../../inbox/live.ts";
import type { CapturedMessage } from "../../model/message.ts";
import { type CallInput, CallProblem, type ControlCall, done, ok } from "./call.ts";

/** Messages listed per call at most. */
const MAX_LISTED = 1000;

/** What narrows messages down. */
const NARROWING = {
  state: "Only in this state",
  door: "Only through this door",
  to: "Only to this recipient: a token, /topics/name, a condition, a group's key",
  search: "Only where the recipient, an ID, the collapse key or what came over the wire holds this text",
} as const;

/** Captured messages. */
export const MESSAGE_CALLS: readonly ControlCall[] = [
  {
    method: "GET",
    path: "/messages",
    summary: "Captured messages, the newest first",
    query: {
      limit: `How many at most, 1 to ${MAX_LISTED}; default 100`,
      before: "Only those with a smaller ID",
      ...NARROWING,
    },
    run: listMessages,
  },
  {
    method: "GET",
    path: "/messages/latest",
    summary: "The newest captured message, of all or of those that match",
    query: NARROWING,
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

function listMessages(call: CallInput<unknown>): HttpAnswer {
  const { inbox } = call.emulator;
  const { query } = call.request;
  const limit = Math.min(MAX_LISTED, Math.max(1, Number(query.get("limit") ?? 100) || 100));
  const before = Number(query.get("before") ?? Number.POSITIVE_INFINITY);
  return ok({ messages: newest(call, limit, before).map(summaryOf), total: inbox.total, pruned: inbox.pruned });
}

/** The newest messages that match the query. */
function newest(
  { emulator, request: { query } }: CallInput<unknown>,
  limit: number,
  before = Number.POSITIVE_INFINITY,
): CapturedMessage[] {
  const search = query.get("search")?.toLowerCase() ?? "";
  const [state, door, to] = ["state", "door", "to"].map((name) => query.get(name));
  const found: CapturedMessage[] = [];
  const { messages } = emulator.inbox;
  for (let i = messages.length - 1; i >= 0 && found.length < limit; i--) {
    const message = messages[i] as CapturedMessage;
    if (message.id >= before || (state !== null && message.state !== state)) continue;
    if ((door !== null && message.door !== door) || (to !== null && message.to !== to)) continue;
    if (search !== "" && !holds(message, search)) continue;
    found.push(message);
  }
  return found;
}

function holds({ to, messageId, collapseKey, wire }: CapturedMessage, text: string): boolean {
  return [to, messageId, collapseKey, wire].some((field) => field?.toLowerCase().includes(text));
}

import { describe, expectTypeOf, it } from "vitest";
import {
  type AnyCloudMessagingError,
  type DownstreamMessageInput,
  type ErrorCode,
  type FieldProblem,
  type InstallationId,
  isCloudMessagingError,
  type RecipientOutcome,
  type RegistrationToken,
  type SendAllOutcome,
  type SendEachOutcome,
  type SendReport,
  type SingleSendReport,
  type TargetInput,
  toData,
} from "./index.ts";
import { createSender, type DownstreamTransport, parseDownstreamMessage, type Target } from "./transport.ts";

declare const transport: DownstreamTransport;
declare const outcome: RecipientOutcome;
declare const error: AnyCloudMessagingError;
const sender = createSender({ transport });

describe("what must compile, and what must not", () => {
  it("takes a plain string for a token and gives back a checked one", async () => {
    const report = await sender.send({ target: { token: "tok-a" }, data: { score: "5x1" } });
    expectTypeOf(report).toEqualTypeOf<SingleSendReport>();
    for (const { canonicalRegistrationId } of report.outcomes.filter((o) => o.kind === "accepted")) {
      expectTypeOf(canonicalRegistrationId).toEqualTypeOf<RegistrationToken | undefined>();
    }
  });

  it("knows the one outcome of a send to one recipient, and only of that", async () => {
    for (const target of [
      { token: "t" },
      { topic: "news" },
      { condition: "c" },
      { fid: "f" },
      { notificationKey: "k" },
    ]) {
      expectTypeOf(target).toExtend<TargetInput>();
    }
    const { outcome: one } = await sender.send({ target: { topic: "news" } });
    expectTypeOf(one).toEqualTypeOf<RecipientOutcome>();
    const listed = await sender.send({ target: { tokens: ["tok-a"] } });
    // @ts-expect-error as many outcomes as tokens
    listed.outcome;
    const message: DownstreamMessageInput = { target: { token: "tok-a" } };
    expectTypeOf(sender.send(message)).resolves.toEqualTypeOf<SendReport>();
    // @ts-expect-error misspelt
    void sender.send({ target: { notificationKey: "k", notificationKeyname: "user-7" } });
  });

  it("gives a promise of the report for every send, and outcomes of many recipients as an async iterable", () => {
    expectTypeOf(sender.send({ target: { token: "t" } })).toEqualTypeOf<Promise<SingleSendReport>>();
    expectTypeOf(sender.sendToUser("ada", {})).toEqualTypeOf<Promise<SendReport>>();
    expectTypeOf(sender.sendAll({}, ["t"])).toEqualTypeOf<AsyncIterable<SendAllOutcome>>();
    expectTypeOf(sender.sendEach([])).toEqualTypeOf<AsyncIterable<SendEachOutcome>>();
    expectTypeOf(sender.capacity()).toEqualTypeOf<Promise<void>>();
    expectTypeOf(sender.close()).toEqualTypeOf<Promise<void>>();
  });

  it("gives a Firebase Installation ID a type of its own, which may stand for a token and not the other way round", () => {
    const { target } = parseDownstreamMessage({ target: { fid: "cTEST0123456789abcdefg" } });
    if ("fid" in target) expectTypeOf(target.fid).toEqualTypeOf<InstallationId>();
    const token = "t" as RegistrationToken;
    const fid = "f" as InstallationId;
    expectTypeOf({ tokens: [token, fid] }).toExtend<Target>();
    // @ts-expect-error a token is no installation ID
    const wrong: Target = { fid: token };
    void wrong;
  });

  it("refuses data that is no string, two targets and options that do not exist", () => {
    // @ts-expect-error a number is no string
    void sender.send({ target: { token: "tok-a" }, data: { score: 5 } });
    // @ts-expect-error two targets
    void sender.send({ target: { token: "tok-a", topic: "news" } });
    // @ts-expect-error a name goes with a group's key only
    void sender.send({ target: { topic: "news", notificationKeyName: "user-7" } });
    void sender.send({ target: { topic: "news", token: undefined } });
    // @ts-expect-error no target
    void sender.send({ data: { score: "5" } });
    // @ts-expect-error a user's message has no target of its own
    void sender.sendToUser("u", { target: { token: "tok-a" } });
    // @ts-expect-error misspelt
    void sender.send({ target: { token: "tok-a" } }, { timeout: 5 });
    // @ts-expect-error neither of the two
    void sender.send({ target: { token: "tok-a" } }, { ambiguous: "maybe" });
  });

  it("gives personalize the recipient as it was given", () => {
    const rows = [{ token: "tok-a", unread: 3 }];
    const outcomes = sender.sendAll({}, rows, {
      personalize(row, position) {
        expectTypeOf(row).toEqualTypeOf<{ token: string; unread: number }>();
        expectTypeOf(position).toEqualTypeOf<number>();
        return { notification: { badge: row.unread } };
      },
    });
    expectTypeOf(outcomes).toEqualTypeOf<AsyncIterable<SendAllOutcome>>();
    void sender.sendAll({}, new Set(["tok-a"]), { personalize: (token) => ({ data: { token } }) });
    // @ts-expect-error an object without a token
    void sender.sendAll({}, [{ unread: 3 }]);
    // @ts-expect-error changes are content, not strings
    void sender.sendAll({}, rows, { personalize: () => "x" });
    // @ts-expect-error sendAll yields its outcomes
    void sender.sendAll({}, rows, { onOutcome() {} });
  });

  it("takes messages from iterables of either kind, and tells which message and recipient an outcome is about", () => {
    async function* messages(): AsyncGenerator<DownstreamMessageInput> {
      yield { target: { topic: "news" } };
    }
    const outcomes = sender.sendEach(messages(), { concurrency: 4 });
    expectTypeOf(outcomes).toEqualTypeOf<AsyncIterable<SendEachOutcome>>();
    void sender.sendEach([{ target: { tokens: ["tok-a"] }, data: toData({ n: 1, won: true, at: new Date(0) }) }]);
    // @ts-expect-error no target
    void sender.sendEach([{ data: { n: "1" } }]);
    // @ts-expect-error a function has no text
    toData({ n: () => 1 });
  });

  it("tells onOutcome a position with each outcome", () => {
    void sender.send(
      { target: { token: "tok-a" } },
      { onOutcome: (told) => expectTypeOf(told.position).toEqualTypeOf<number>() },
    );
    createSender({ transport, timeoutMs: 10_000 });
  });

  it("keeps what goes with one kind of outcome off the others", () => {
    if (outcome.kind === "accepted") {
      // @ts-expect-error an accepted message has no failure code
      outcome.code;
    } else {
      expectTypeOf(outcome.code).toEqualTypeOf<ErrorCode>();
      // @ts-expect-error and a failed one no canonical ID
      outcome.canonicalRegistrationId;
    }
  });

  it("is exhaustive over kinds and over error codes", () => {
    const word = (o: RecipientOutcome): string => {
      switch (o.kind) {
        case "accepted":
        case "unregistered":
        case "retryable":
        case "ambiguous":
        case "rejected":
          return o.kind;
      }
    };
    expectTypeOf(word).returns.toEqualTypeOf<string>();
    if (error.code === "ERR_INVALID_MESSAGE") expectTypeOf(error.problems).not.toBeAny();
    // @ts-expect-error not one of ours
    if (error.code === "ERR_UNKNOWN") return;
    try {
      word(outcome);
    } catch (caught: unknown) {
      if (isCloudMessagingError(caught) && caught.code === "ERR_INVALID_MESSAGE")
        expectTypeOf(caught.problems).toEqualTypeOf<readonly FieldProblem[]>();
    }
  });
});

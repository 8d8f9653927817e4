import { AbortedError, ClosedError, InvalidMessageError } from "../errors.ts";
import { eventChannel, publish } from "../events.ts";
import { type DownstreamMessage, type MessageContent, parseMessageContent } from "../message/downstream.ts";
import { isFid } from "../message/fid.ts";
import { tokensOf } from "../message/target.ts";
import type { RegistrationToken } from "../message/token.ts";
import { nameOfError } from "../outcome/describe-error.ts";
import { countOutcomes, type RecipientOutcome, type SendReport } from "../outcome/outcome.ts";
import { createOutcomeTeller, type KnownOutcomes } from "../outcome/outcome-listener.ts";
import { createMemoryRegistrationStore } from "../registrations/memory-registration-store.ts";
import { applyReport, isPromiseLike, type MaybePromise } from "../registrations/registration-store.ts";
import {
  askStore,
  awaitTold,
  registrationsProblem,
  resolvedProblem,
  STORE_TIMEOUT_MS,
  type StoreWait,
} from "../registrations/store-access.ts";
import { type Substitution, substitute } from "../registrations/substitution.ts";
import { defaultAmbiguousPolicy, withRetry } from "../retry/retry.ts";
import { elapsedMs, systemClock } from "../time/clock.ts";
import { type MonotonicInstant, plusMs } from "../time/monotonic.ts";
import { type AddressedMessage, hasNoRecipients, readAddressedMessage, restoreReport } from "./addressed-message.ts";
import type { AttemptOptions } from "./downstream-transport.ts";
import { createGate } from "./gate.ts";
import { createMessageIds } from "./message-id.ts";
import { type FanoutParts, sendMessages, sendPersonalized, sendToTokens } from "./send-all.ts";
import type { CreateSenderOptions, SendEachOptions, Sender, SendOptions } from "./sender.ts";
import { checkSendAllOptions, checkSendEachOptions, checkSenderOptions, checkSendOptions } from "./sender-options.ts";

/** Sends unsettled at once, unless told otherwise. */
const DEFAULT_MAX_WAITING = 10_000;

/**
 * A sender over any transport: checks the message, puts known canonical IDs in, sends with `withRetry`, tells the registration store.
 *
 * @throws {InvalidOptionsError} an option is wrong, or the transport already has retries.
 */
export function createSender(options: CreateSenderOptions): Sender {
  const {
    transport: bare,
    retry,
    maxWaiting = DEFAULT_MAX_WAITING,
    clock = systemClock,
    random = Math.random,
  } = options;
  checkSenderOptions(options);
  const registrations = options.registrations ?? createMemoryRegistrationStore({ clock });
  const transport = withRetry(bare, { ...(retry === false ? { maxAttempts: 1 } : retry), clock, random });
  const nextMessageId = createMessageIds(random);
  const nextSendId = createMessageIds(random);
  const gate = createGate(maxWaiting, "The sender");
  const sendChannel = eventChannel("cloud-messaging:send");
  const closingNow = new AbortController();
  /** Aborts when `close()` waits no longer for the store. */
  const givingUp = new AbortController();

  function assertCanStart(signal: AbortSignal | undefined): void {
    if (gate.closed) throw new ClosedError("The sender");
    if (signal?.aborted) throw new AbortedError("The send", signal.reason);
  }

  const timeoutOf = ({ timeoutMs = options.timeoutMs ?? transport.retryPolicy.totalMs }: SendOptions): number =>
    timeoutMs;
  const timeLeft = (sendOptions: SendOptions, begunAt: MonotonicInstant): number =>
    timeoutOf(sendOptions) - elapsedMs(clock, begunAt);

  function storeWait(sendOptions: SendOptions, begunAt: MonotonicInstant): StoreWait {
    const { signal } = sendOptions;
    return { clock, withinMs: timeLeft(sendOptions, begunAt), signal, closing: closingNow.signal };
  }

  /**
   * From a message that was checked to the report for the caller, in a room that was taken for it and is given back. One function, since
   * everything that waits here is held once per pending message.
   */
  async function dispatch(
    message: DownstreamMessage,
    sendOptions: SendOptions,
    begunAt: MonotonicInstant,
    retryUntil?: AbortSignal,
    tell?: (known: KnownOutcomes) => void,
  ): Promise<SendReport> {
    try {
      const given = tokensOf(message.target);
      let substitution: Substitution | undefined;
      if (given !== undefined) {
        const asked = askStore(
          () => registrations.resolve(given),
          resolvedProblem(given),
          () => storeWait(sendOptions, begunAt),
        );
        const resolved = isPromiseLike(asked) ? await asked : asked;
        substitution = substitute(message, given, resolved === given ? given : withoutForeignIds(given, resolved));
      }
      const sent = await transport.send(
        substitution?.message ?? message,
        attemptOptions(message, substitution?.message ?? message, sendOptions, begunAt, {
          retryUntil,
          onSettled: tell === undefined ? undefined : (known) => tell(restoreKnown(known, substitution)),
        }),
      );
      const { signal } = sendOptions;
      if (signal?.aborted && sent.outcomes.every(neverLeft)) throw new AbortedError("The send", signal.reason);
      const stored = given === undefined ? sent : tellStore(sent, timeLeft(sendOptions, begunAt));
      const told = isPromiseLike(stored) ? await stored : stored;
      const report = substitution === undefined ? told : substitution.restore(told);
      if (sendChannel.hasSubscribers) publishSend(report, begunAt);
      return report;
    } finally {
      gate.leave();
    }
  }

  /** A service that knows tokens only is sent to by the token, also where the app has reported an installation ID since. */
  function withoutForeignIds(
    given: readonly RegistrationToken[],
    resolved: readonly RegistrationToken[],
  ): readonly RegistrationToken[] {
    const isNew = (token: RegistrationToken, position: number): boolean => token !== given[position] && isFid(token);
    const fid = resolved.find(isNew);
    if (fid === undefined) return resolved;
    try {
      checkIds([fid]);
      return resolved;
    } catch {
      return resolved.map((token, position) => (isNew(token, position) ? (given[position] ?? token) : token));
    }
  }

  /** @throws {InvalidMessageError} there are installation IDs among what the store has, and the service knows none. */
  function checkIds(tokens: readonly RegistrationToken[]): void {
    const fid = tokens.find(isFid);
    if (fid !== undefined) transport.check?.({ target: { fid } });
  }

  function attemptOptions(
    given: DownstreamMessage,
    message: DownstreamMessage,
    sendOptions: SendOptions,
    begunAt: MonotonicInstant,
    ofSender: Pick<AttemptOptions, "retryUntil" | "onSettled">,
  ): AttemptOptions {
    const { signal, ambiguous = options.ambiguous ?? defaultAmbiguousPolicy(given.target) } = sendOptions;
    const { lifeFrom = options.lifeFrom ?? "call" } = sendOptions;
    const { timeToLiveSec } = message;
    return {
      signal,
      retryUntil: ofSender.retryUntil,
      onSettled: ofSender.onSettled,
      ambiguous,
      deadline: plusMs(begunAt, timeoutOf(sendOptions)),
      sendId: nextSendId(),
      expiresAt:
        timeToLiveSec === undefined || lifeFrom === "attempt" ? undefined : plusMs(begunAt, timeToLiveSec * 1000),
      messageIds: transport.usesMessageIds ? messageIdsFor(message) : undefined,
    };
  }

  function messageIdsFor(message: DownstreamMessage): string[] {
    if (message.messageId !== undefined) return [message.messageId];
    const recipients = tokensOf(message.target)?.length ?? 1;
    return recipients === 1 ? [nextMessageId()] : Array.from({ length: recipients }, nextMessageId);
  }

  /** A store that fails must not take away what the service said. */
  function tellStore(report: SendReport, withinMs: number): MaybePromise<SendReport> {
    const failed = (storeError: unknown): SendReport => {
      publish("cloud-messaging:notice", () => ({
        transport: transport.name,
        notice: "registration-store-failed",
        detail: nameOfError(storeError),
      }));
      return { ...report, storeError };
    };
    try {
      const stored = applyReport(report, registrations);
      return isPromiseLike(stored)
        ? awaitTold(stored, clock, withinMs, givingUp.signal).then(() => report, failed)
        : report;
    } catch (storeError) {
      return failed(storeError);
    }
  }

  function publishSend(report: SendReport, begunAt: MonotonicInstant): void {
    publish("cloud-messaging:send", () => ({
      transport: transport.name,
      counts: countOutcomes(report),
      attempts: report.outcomes.reduce((most, { attempts }) => Math.max(most, attempts), 0),
      durationMs: Math.round(elapsedMs(clock, begunAt)),
    }));
  }

  /** Sends what was read, in a permit that was acquired for it; reports by the caller's positions and to the caller's listener. */
  function deliver(
    addressed: AddressedMessage,
    sendOptions: SendOptions,
    begunAt: MonotonicInstant,
    retryUntil?: AbortSignal,
    tell?: (known: KnownOutcomes) => void,
  ): Promise<SendReport> {
    const { message, refused, topic } = addressed;
    if (tell === undefined) {
      const sending = dispatch(message, sendOptions, begunAt, retryUntil);
      return refused === undefined && topic === undefined
        ? sending
        : sending.then((report) => restoreReport(addressed, report));
    }
    const restored = (known: KnownOutcomes): KnownOutcomes =>
      restoreReport(addressed, { outcomes: known.map((outcome) => outcome ?? PENDING) }).outcomes.map(knownOnly);
    return dispatch(message, sendOptions, begunAt, retryUntil, (known) => tell(restored(known))).then((sent) => {
      const report = restoreReport(addressed, sent);
      tell(report.outcomes);
      return report;
    });
  }

  function listenerOf({ onOutcome }: SendOptions): ((known: KnownOutcomes) => void) | undefined {
    return onOutcome === undefined ? undefined : createOutcomeTeller(transport.name, onOutcome).tell;
  }

  function partsFor(sendOptions: SendEachOptions): FanoutParts {
    return {
      clock,
      concurrency: transport.preferredConcurrency ?? 16,
      batchSize: transport.preferredBatchSize ?? 1,
      check: (message) => transport.check?.(message),
      async send(addressed, retryUntil, tell) {
        // one that still waits for a permit when nobody takes outcomes any more is not sent
        await gate.acquire(retryUntil);
        return deliver(addressed, sendOptions, clock.monotonic(), retryUntil, tell);
      },
    };
  }

  let closing: Promise<void> | undefined;
  const sender: Sender = {
    send(input, sendOptions = {}) {
      let addressed: AddressedMessage;
      try {
        checkSendOptions(sendOptions);
        assertCanStart(sendOptions.signal);
        addressed = readAddressedMessage(input);
        transport.check?.(addressed.message);
        if (hasNoRecipients(addressed.message)) {
          const report = restoreReport(addressed, { outcomes: [] });
          listenerOf(sendOptions)?.(report.outcomes);
          return Promise.resolve(report);
        }
        gate.enter();
      } catch (error) {
        return Promise.reject(error);
      }
      return deliver(addressed, sendOptions, clock.monotonic(), undefined, listenerOf(sendOptions));
    },

    async sendToUser(userId, input, sendOptions = {}) {
      checkSendOptions(sendOptions);
      assertCanStart(sendOptions.signal);
      if (typeof userId !== "string" || userId === "") {
        throw new InvalidMessageError([{ path: "userId", problem: "must be a non-empty string" }]);
      }
      const content = parseMessageContent(input);
      const begunAt = clock.monotonic();
      gate.enter();
      let message: DownstreamMessage;
      try {
        const found = await askStore(
          () => registrations.registrationsOf(userId),
          registrationsProblem,
          () => storeWait(sendOptions, begunAt),
        );
        if (content.messageId !== undefined && found.length > 1) throw ownMessageIdForMany(found.length);
        message = withTokens(
          content,
          found.map(({ token }) => token),
        );
        if (found.length > 0) transport.check?.(message);
        checkIds(found.map(({ token }) => token));
        assertCanStart(sendOptions.signal);
        if (found.length === 0) {
          gate.leave();
          return { outcomes: [] };
        }
      } catch (error) {
        gate.leave();
        throw error;
      }
      return deliver({ message }, sendOptions, begunAt, undefined, listenerOf(sendOptions));
    },

    sendAll(input, recipients, allOptions = {}) {
      checkSendAllOptions(allOptions);
      assertCanStart(allOptions.signal);
      const content = parseMessageContent(input);
      if (content.messageId !== undefined) throw ownMessageIdForMany("any number of");
      // what the service cannot carry is the caller's mistake, and known before the first token is taken
      transport.check?.(withTokens(content, ["placeholder" as RegistrationToken]));
      const { personalize } = allOptions;
      return personalize === undefined
        ? sendToTokens(content, recipients, allOptions, partsFor(allOptions))
        : sendPersonalized(content, recipients, personalize, allOptions, partsFor(allOptions));
    },

    sendEach(messages, eachOptions = {}) {
      checkSendEachOptions(eachOptions);
      assertCanStart(eachOptions.signal);
      return sendMessages(messages, eachOptions, partsFor(eachOptions));
    },

    capacity: (capacityOptions = {}) => gate.capacity(capacityOptions.signal),
    get pending() {
      return gate.pending;
    },
    close() {
      closing ??= (async () => {
        gate.close();
        // whoever still asks the store could send nothing any more
        closingNow.abort();
        const giveUp = clock.schedule(bare.closeTimeoutMs ?? STORE_TIMEOUT_MS, () => givingUp.abort());
        await transport.close();
        await gate.idle();
        giveUp();
      })();
      return closing;
    },
    [Symbol.asyncDispose]: () => sender.close(),
  };
  return sender;
}

/** Stands where no outcome is known yet, whatever is copied from it. */
const PENDING = { kind: "retryable", recipient: "", attempts: 0, code: "not-sent", isPending: true } as const;

function knownOnly(outcome: RecipientOutcome | undefined): RecipientOutcome | undefined {
  return outcome === undefined || "isPending" in outcome ? undefined : outcome;
}

/** The outcomes known so far by the positions of the tokens that were given to the transport's message. */
function restoreKnown(known: KnownOutcomes, substitution: Substitution | undefined): KnownOutcomes {
  if (substitution === undefined) return known;
  return substitution.restore({ outcomes: known.map((outcome) => outcome ?? PENDING) }).outcomes.map(knownOnly);
}

function neverLeft(outcome: RecipientOutcome): boolean {
  return (
    // what was written and refused had left
    outcome.kind === "retryable" && outcome.code === "aborted" && outcome.attempts <= 1 && outcome.sentAt === undefined
  );
}

function withTokens(content: MessageContent, tokens: readonly RegistrationToken[]): DownstreamMessage {
  return { ...content, target: { tokens } };
}

function ownMessageIdForMany(recipients: number | string): InvalidMessageError {
  return new InvalidMessageError([
    { path: "messageId", problem: `names one message, and there are ${recipients} recipients: leave it out` },
  ]);
}

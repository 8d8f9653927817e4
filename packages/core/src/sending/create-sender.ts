import { defined } from "../defined.ts";
import { AbortedError, ClosedError } from "../errors.ts";
import { eventChannel, publish } from "../events.ts";
import {
  addHealthSource,
  type HealthSource,
  LatestFailure,
  type SenderHealth,
  type TransportHealth,
} from "../health.ts";
import { type DownstreamMessageInput, parseMessageContent, type SingleMessageInput } from "../message/downstream.ts";
import type { RegistrationToken } from "../message/token.ts";
import { countOutcomes, type RecipientOutcome, type SendReport, type SingleSendReport } from "../outcome/outcome.ts";
import { tellOnce } from "../outcome/outcome-listener.ts";
import { checkSignalOptions } from "../problems.ts";
import { createMemoryRegistrationStore } from "../registrations/memory-registration-store.ts";
import { withRegistrations } from "../registrations/with-registrations.ts";
import { withRetry } from "../retry/with-retry.ts";
import { elapsedMs, systemClock, timeLeftMs } from "../time/clock.ts";
import { type MonotonicInstant, plusMs } from "../time/monotonic.ts";
import {
  type AddressedMessage,
  hasNoRecipients,
  readAddressedMessage,
  restoreReport,
  restoreTo,
} from "./addressed-message.ts";
import { createAttemptOptions } from "./attempt-options.ts";
import type { AttemptOptions, OutcomeListener } from "./downstream-transport.ts";
import { createGate } from "./gate.ts";
import { type FanoutParts, sendMessages, sendPersonalized, sendToTokens } from "./send-all.ts";
import type { CreateSenderOptions, SendEachOptions, Sender, SendOptions } from "./sender.ts";
import { checkSendAllOptions, checkSendEachOptions, checkSenderOptions, checkSendOptions } from "./sender-options.ts";
import { tracedSend } from "./traced-send.ts";
import { type AddressedUser, addressUser, ownMessageIdForMany, readUserId, withTokens } from "./user-message.ts";

/** Default of `maxWaiting`. */
const DEFAULT_MAX_WAITING = 10_000;

/**
 * Creates a sender over any transport: checks each message, and sends it with `withRetry` and `withRegistrations`.
 *
 * @throws {InvalidOptionsError} an option is wrong, or the transport already has retries.
 *
 * @example
 * ```ts
 * import { createSender, type DownstreamTransport } from "@cloud-messaging/core/transport";
 *
 * declare const transport: DownstreamTransport;
 * await using sender = createSender({ transport, maxWaiting: 1_000 });
 * const report = await sender.send({ target: { tokens: ["first", "second"] }, data: { score: "3:1" } });
 * for (const { recipient, kind } of report.outcomes) console.log(recipient, kind);
 * ```
 */
export function createSender(options: CreateSenderOptions): Sender {
  checkSenderOptions(options);
  const {
    transport: bare,
    retry,
    maxWaiting = DEFAULT_MAX_WAITING,
    clock = systemClock,
    random = Math.random,
  } = options;
  const store = options.registrations ?? createMemoryRegistrationStore({ clock });
  const retrying = withRetry(bare, { ...(retry === false ? { maxAttempts: 1 } : retry), clock, random });
  const transport = withRegistrations(retrying, store, { clock, suspects: options.suspects });
  const attemptOptions = createAttemptOptions(transport, options, random);
  const deadlineOf = (
    { timeoutMs = options.timeoutMs ?? transport.retryPolicy.totalMs }: SendOptions,
    begunAt: MonotonicInstant,
  ): MonotonicInstant => plusMs(begunAt, timeoutMs);
  const failure = new LatestFailure(clock);
  const gate = createGate(maxWaiting, "The sender");
  const sendChannel = eventChannel("cloud-messaging:send");
  const closingNow = new AbortController();

  function assertCanStart(signal: AbortSignal | undefined): void {
    if (gate.closed) throw new ClosedError("The sender");
    if (signal?.aborted) throw new AbortedError("The send", signal.reason);
  }

  /**
   * Sends a message that was read, in a permit that was acquired for it, and releases the permit. Reports by the caller's positions. No
   * async function: its frame would be held once per pending message.
   */
  function deliver(
    addressed: AddressedMessage,
    sendOptions: SendOptions,
    begunAt: MonotonicInstant,
    inside: Pick<AttemptOptions, "retryUntil" | "onOutcome" | "resolution">,
  ): Promise<SendReport> {
    const { message } = addressed;
    const { signal } = sendOptions;
    const { retryUntil, onOutcome, resolution } = inside;
    const attempt = attemptOptions(message, sendOptions, begunAt, {
      deadline: deadlineOf(sendOptions, begunAt),
      retryUntil,
      resolution,
      onOutcome: onOutcome === undefined ? undefined : restoreTo(addressed, onOutcome),
    });
    return tracedSend(transport, message, attempt).then((sent) => {
      gate.leave();
      failure.note(sent.outcomes[0]);
      if (signal?.aborted && sent.outcomes.every(neverLeft)) throw new AbortedError("The send", signal.reason);
      if (sendChannel.hasSubscribers) publishSend(sent, begunAt);
      const report = restoreReport(addressed, sent);
      if (onOutcome !== undefined) tellAll(report, onOutcome);
      return "tokens" in message.target ? report : withOutcome(report);
    }, leaveWithError);
  }

  function leaveWithError(error: unknown): never {
    gate.leave();
    throw error;
  }

  function publishSend(report: SendReport, begunAt: MonotonicInstant): void {
    publish("cloud-messaging:send", () => ({
      transport: transport.name,
      counts: countOutcomes(report),
      attempts: report.outcomes.reduce((most, { attempts }) => Math.max(most, attempts), 0),
      durationMs: Math.round(elapsedMs(clock, begunAt)),
    }));
  }

  function listenerOf({ onOutcome }: SendOptions): { readonly onOutcome: OutcomeListener | undefined } {
    return { onOutcome: onOutcome === undefined ? undefined : tellOnce(transport.name, onOutcome) };
  }

  function partsFor(sendOptions: SendEachOptions): FanoutParts {
    return {
      transport: transport.name,
      clock,
      concurrency: transport.preferredConcurrency ?? 16,
      batchSize: transport.preferredBatchSize ?? 1,
      check: (message) => transport.check?.(message),
      async send(addressed, retryUntil, onOutcome) {
        // one that still waits for a permit when nobody takes outcomes any more is not sent
        await gate.acquire(retryUntil);
        return deliver(addressed, sendOptions, clock.monotonic(), { retryUntil, onOutcome });
      },
    };
  }

  function send(input: SingleMessageInput, sendOptions?: SendOptions): Promise<SingleSendReport>;
  function send(input: DownstreamMessageInput, sendOptions?: SendOptions): Promise<SendReport>;
  function send(input: DownstreamMessageInput, sendOptions: SendOptions = {}): Promise<SendReport> {
    let addressed: AddressedMessage;
    let begunAt: MonotonicInstant;
    try {
      checkSendOptions(sendOptions);
      assertCanStart(sendOptions.signal);
      addressed = readAddressedMessage(input);
      transport.check?.(addressed.message);
      if (hasNoRecipients(addressed.message)) {
        const report = restoreReport(addressed, { outcomes: [] });
        const { onOutcome } = listenerOf(sendOptions);
        if (onOutcome !== undefined) tellAll(report, onOutcome);
        return Promise.resolve(report);
      }
      begunAt = clock.monotonic();
      gate.enter();
    } catch (error) {
      return Promise.reject(error);
    }
    return deliver(addressed, sendOptions, begunAt, listenerOf(sendOptions));
  }

  function health(): SenderHealth {
    const { ready, ...own }: TransportHealth = bare.health?.() ?? { ready: true };
    const isFull = gate.pending >= maxWaiting;
    const full = isFull ? `${gate.pending} sends are not settled, the limit` : undefined;
    const reason = gate.closed ? "the sender is closed" : (own.reason ?? failure.reason ?? full);
    const state = { ...own, reason, lastError: own.lastError ?? failure.lastError, backlog: gate.pending };
    return defined({ transport: transport.name, ready: ready && reason === undefined, ...state });
  }
  const source: HealthSource = { kind: "sender", health };
  const forgetSource = addHealthSource(source);

  let closing: Promise<void> | undefined;
  const sender: Sender = {
    send,

    async sendToUser(userId, input, sendOptions = {}) {
      checkSendOptions(sendOptions);
      const { signal } = sendOptions;
      assertCanStart(signal);
      const user = readUserId(userId);
      const content = parseMessageContent(input);
      const begunAt = clock.monotonic();
      gate.enter();
      let addressed: AddressedUser | undefined;
      try {
        addressed = await addressUser(store, user, content, transport, () => {
          const withinMs = timeLeftMs(clock, deadlineOf(sendOptions, begunAt));
          return { clock, withinMs, signal, closing: closingNow.signal };
        });
        assertCanStart(signal);
      } catch (error) {
        gate.leave();
        throw error;
      }
      if (addressed === undefined) {
        gate.leave();
        return { outcomes: [] };
      }
      const { message, resolution } = addressed;
      return deliver({ message }, sendOptions, begunAt, { ...listenerOf(sendOptions), resolution });
    },

    sendAll(input, recipients, allOptions = {}) {
      checkSendAllOptions(allOptions);
      assertCanStart(allOptions.signal);
      const content = parseMessageContent(input);
      if (content.messageId !== undefined) throw ownMessageIdForMany("any number of");
      // a message that the service cannot carry is an error of the call, known before the first token is taken
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

    async capacity(capacityOptions = {}) {
      checkSignalOptions(capacityOptions, "an option of capacity");
      return gate.capacity(capacityOptions.signal);
    },
    get pending() {
      return gate.pending;
    },
    health: () => source.health() as SenderHealth,
    close() {
      closing ??= (async () => {
        forgetSource();
        gate.close();
        // whoever still asks the store could send nothing any more
        closingNow.abort();
        await transport.close();
        await gate.idle();
      })();
      return closing;
    },
    [Symbol.asyncDispose]: () => sender.close(),
  };
  return sender;
}

/** Adds the one outcome to the report of a send to one recipient. */
function withOutcome(report: SendReport): SendReport | SingleSendReport {
  const { outcomes, storeError } = report;
  const [outcome] = outcomes;
  if (outcome === undefined) return report;
  // no spread: this runs for nearly every send, and a spread costs a microsecond and more
  return "storeError" in report ? { outcomes, outcome, storeError } : { outcomes, outcome };
}

function tellAll({ outcomes }: SendReport, listener: OutcomeListener): void {
  outcomes.forEach((outcome, position) => {
    listener(position, outcome);
  });
}

/** True for an outcome of a recipient to whom nothing was ever written: what was written and refused had left. */
function neverLeft(outcome: RecipientOutcome): boolean {
  return (
    outcome.kind === "retryable" && outcome.code === "aborted" && outcome.attempts <= 1 && outcome.sentAt === undefined
  );
}

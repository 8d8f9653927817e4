import type {
  Decision,
  IncomingMessage,
  Login,
  MaybePromise,
  MessagingService,
  ProtocolRules,
  Refusal,
  Sender,
  UpstreamPort,
  UpstreamReceiver,
} from "@cloud-messaging/connection-server";
import type { EmulatedService } from "../emulated-service.ts";
import type { FaultScript } from "../faults/fault-script.ts";
import type { CapturedMessage, ModelMessage } from "../model/message.ts";
import type { CloudService } from "../model/service.ts";

/** Decision given by hand. Its listeners are called at once, so that the answer precedes whatever the emulator writes next. */
class HeldDecision implements PromiseLike<Decision> {
  readonly captured: CapturedMessage;
  readonly message: ModelMessage;
  readonly #listeners: ((decision: Decision) => unknown)[] = [];
  readonly #promise: Promise<Decision>;

  constructor(captured: CapturedMessage, message: ModelMessage) {
    this.captured = captured;
    this.message = message;
    this.#promise = new Promise((resolve) => {
      this.#listeners.push(resolve);
    });
  }

  // biome-ignore lint/suspicious/noThenProperty: a promise would call its listeners later
  then<A = Decision, B = never>(
    onFulfilled?: ((decision: Decision) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    if (onFulfilled) this.#listeners.push(onFulfilled);
    return this.#promise.then(undefined, onRejected) as PromiseLike<A | B>;
  }

  settle(decision: Decision): void {
    for (const listener of this.#listeners.splice(0)) listener(decision);
  }
}

/** Parts behind the CCS server. */
export interface HeldMessagesParts {
  readonly service: CloudService;
  readonly emulated: EmulatedService;
  readonly faults: FaultScript;
}

/** The emulated service as the CCS server sees it: without automatic acks, messages are held until they are decided by hand; logins fail as scripted. */
export class HeldMessages implements MessagingService {
  readonly #parts: HeldMessagesParts;
  /** In order of arrival. */
  readonly #held = new Map<IncomingMessage, HeldDecision>();
  autoAck: boolean;

  constructor(parts: HeldMessagesParts, autoAck: boolean) {
    this.#parts = parts;
    this.autoAck = autoAck;
  }

  get rules(): ProtocolRules {
    return this.#parts.emulated.rules;
  }

  authenticate(login: Login): Sender | Refusal {
    const fault = this.#parts.faults.takeLogin(["not-authorized", "temporary-auth-failure"]);
    if (fault === undefined) return this.#parts.emulated.authenticate(login);
    return { kind: "refused", code: fault === "not-authorized" ? "authentication-failed" : "unavailable" };
  }

  submit(incoming: IncomingMessage): MaybePromise<Decision> {
    const { service, emulated } = this.#parts;
    if (this.autoAck) return emulated.submit(incoming);
    const message = emulated.resolve(incoming);
    const captured = service.receive(message);
    service.hold(captured);
    const held = new HeldDecision(captured, message);
    this.#held.set(incoming, held);
    return held;
  }

  refused(message: IncomingMessage, refusal: Refusal): void {
    this.#parts.emulated.refused(message, refusal);
  }

  unanswered(message: IncomingMessage, reason: string): void {
    const held = this.#held.get(message);
    this.#held.delete(message);
    if (held !== undefined) this.#parts.service.leaveUnanswered(held.captured, reason);
  }

  attach(port: UpstreamPort): UpstreamReceiver {
    return this.#parts.emulated.attach(port);
  }

  /** Accepts a held message: acks it, or nacks it with the refusal of the service. `false`: no such message is held on the connection. */
  ack(connectionId: number, messageId: string): boolean {
    const held = this.#take(connectionId, messageId);
    held?.settle(this.#parts.service.decide(held.captured, held.message));
    return held !== undefined;
  }

  /** Refuses a held message. */
  nack(connectionId: number, messageId: string, refusal: Refusal): boolean {
    const held = this.#take(connectionId, messageId);
    held?.settle(this.#parts.service.refuse(held.captured, refusal));
    return held !== undefined;
  }

  /** Accepts every held message of a connection, oldest first. Returns their number. */
  ackAll(connectionId: number): number {
    let acked = 0;
    for (const { connectionId: id, messageId } of [...this.#held.keys()]) {
      if (id === connectionId && messageId !== undefined && this.ack(id, messageId)) acked++;
    }
    return acked;
  }

  #take(connectionId: number, messageId: string): HeldDecision | undefined {
    for (const [message, held] of this.#held) {
      if (message.connectionId !== connectionId || message.messageId !== messageId) continue;
      this.#held.delete(message);
      return held;
    }
    return undefined;
  }
}

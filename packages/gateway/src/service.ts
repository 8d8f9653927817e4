import type {
  Decision,
  IncomingMessage,
  Login,
  MessagingService,
  Refusal,
  Sender as ServiceSender,
} from "@cloud-messaging/connection-server";
import {
  type AnyCloudMessagingError,
  type Clock,
  isCloudMessagingError,
  operationChannel,
  type Sender,
} from "@cloud-messaging/core";
import {
  defined,
  elapsedMs,
  type GatewayOperation,
  type Outbox,
  tokenProblem,
  traced,
} from "@cloud-messaging/core/transport";
import type { GatewayEvent } from "./event.ts";
import type { KnownClient, Logins } from "./logins.ts";
import { storeMessage } from "./outbox/store-message.ts";
import { Repeats, repeatHash } from "./repeats.ts";
import { type InDoubt, isFarTooBig, toDecision, toMessage } from "./translate.ts";

const requests = operationChannel("cloud-messaging:gateway-request");

/** Parts of the service. */
export interface GatewayServiceParts {
  readonly logins: Logins;
  readonly senderOf: (project: string) => Sender | undefined;
  /** Outbox of a project; `undefined`: an answer waits for that of FCM. */
  readonly outboxOf: (project: string) => Outbox | undefined;
  readonly inDoubt: InDoubt;
  readonly repeatWindowMs: number;
  readonly onEvent: (event: GatewayEvent) => void;
  readonly clock: Clock;
}

/** The service behind the gateway's connection servers: each message goes to the FCM sender of its client's project, or into its outbox. */
export class GatewayService implements MessagingService {
  readonly #parts: GatewayServiceParts;
  readonly #repeats: Repeats;
  #underWay = 0;

  constructor(parts: GatewayServiceParts) {
    this.#parts = parts;
    this.#repeats = new Repeats(parts.repeatWindowMs, parts.clock);
  }

  /** Messages without a decision. */
  get underWay(): number {
    return this.#underWay;
  }

  authenticate(login: Login): ServiceSender | Refusal {
    const known = this.#parts.logins.check(login);
    if ("kind" in known) return known;
    const { name, senderId } = known.options;
    return { kind: "sender", client: name, senderId };
  }

  submit(message: IncomingMessage): Promise<Decision> | Decision {
    const client = this.#parts.logins.get(message.client);
    // removed by a reload while its connection stayed
    if (client === undefined)
      return { kind: "refused", code: "unavailable", detail: "The client is not known any more" };
    const { name, project } = client.options;
    const { outboxOf, repeatWindowMs: windowMs, clock } = this.#parts;
    // a message that is only validated is not worth storing
    const outbox = message.dryRun === true ? undefined : outboxOf(project);
    if (outbox !== undefined) {
      return this.#decide(message, client, async () => {
        const id = await storeMessage(outbox, message, name, { windowMs, now: clock.now() });
        return { kind: "accepted", messageId: `0:${id}` };
      });
    }
    const send = (): Promise<Decision> => this.#decide(message, client, () => this.#send(message, project));
    const { protocol, messageId } = message;
    if (protocol !== "ccs" || messageId === undefined) return send();
    return this.#repeats.once(repeatHash(name, messageId, message), send);
  }

  /** Decides on a message, and publishes the request where somebody subscribes to requests. */
  #decide(message: IncomingMessage, client: KnownClient, decide: () => Promise<Decision>): Promise<Decision> {
    if (!requests.hasSubscribers) return this.#answer(message, client, decide);
    const { name, project } = client.options;
    const operation: GatewayOperation = { client: name, project, protocol: protocolOf(message) };
    return traced(requests, operation, () => this.#answer(message, client, decide), resultOf);
  }

  /** Checks what a client may send at all, decides as `decide` does, and tells of each decision. */
  async #answer(
    message: IncomingMessage,
    { options: { name, project }, rate }: KnownClient,
    decide: () => Promise<Decision>,
  ): Promise<Decision> {
    const { clock, onEvent } = this.#parts;
    const startedAt = clock.monotonic();
    const tell = (decision: Decision): Decision => {
      onEvent({
        type: "answered",
        client: name,
        project,
        protocol: protocolOf(message),
        result: resultOf(decision),
        tookMs: elapsedMs(clock, startedAt),
        ...(decision.kind === "accepted" ? { messageId: decision.messageId } : defined({ detail: decision.detail })),
      });
      return decision;
    };
    const waitMs = rate?.take() ?? 0;
    if (waitMs > 0) return tell(busy("The client's rate is exceeded", Math.ceil(waitMs / 1000)));
    const { address } = message;
    if (address.kind === "token" && tokenProblem(address.token) !== undefined) {
      return tell({ kind: "refused", code: "invalid-registration" });
    }
    if (isFarTooBig(message)) return tell({ kind: "refused", code: "message-too-big" });
    this.#underWay++;
    try {
      return tell(await decide());
    } catch (error) {
      if (!isCloudMessagingError(error)) throw error;
      return tell(refusalOf(error));
    } finally {
      this.#underWay--;
    }
  }

  async #send(message: IncomingMessage, project: string): Promise<Decision> {
    const { clock, inDoubt, senderOf } = this.#parts;
    const sender = senderOf(project);
    if (sender === undefined) return busy("The project is not configured any more", 60);
    const { outcome } = await sender.send(toMessage(message));
    return toDecision(outcome, inDoubt, clock.now());
  }
}

const protocolOf = ({ protocol }: IncomingMessage): "ccs" | "gcm-http" => (protocol === "ccs" ? "ccs" : "gcm-http");

const resultOf = (decision: Decision): string => (decision.kind === "accepted" ? "accepted" : decision.code);

function refusalOf(error: AnyCloudMessagingError): Refusal {
  switch (error.code) {
    case "ERR_INVALID_MESSAGE": {
      // the path is the client's own words
      const tooBig = error.problems.some(({ problem }) => /\bbytes\b/.test(problem));
      return { kind: "refused", code: tooBig ? "message-too-big" : "invalid-argument", detail: error.message };
    }
    case "ERR_TOO_MANY_WAITING":
      return busy("The gateway has too many messages waiting", 10);
    case "ERR_CLOSED":
      return busy("The gateway is closing", 10);
    // the registration store has failed, for one: nothing was sent
    default:
      return busy(`The gateway cannot send: ${error.code}`, 10);
  }
}

function busy(detail: string, retryAfterSec: number): Refusal {
  return { kind: "refused", code: "unavailable", detail, retryAfter: String(retryAfterSec) };
}

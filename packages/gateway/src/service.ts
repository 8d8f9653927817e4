import { createHash } from "node:crypto";
import type {
  Decision,
  IncomingMessage,
  Login,
  MessagingService,
  Refusal,
  Sender as ServiceSender,
} from "@cloud-messaging/connection-server";
import {
  type Clock,
  type CloudMessagingError,
  type FieldProblem,
  type GatewayOperation,
  isCloudMessagingError,
  operationChannel,
  type Sender,
} from "@cloud-messaging/core";
import { elapsedMs, RecentMap, tokenProblem, traced } from "@cloud-messaging/core/transport";
import type { KnownClient, Logins } from "./logins.ts";
import type { GatewayEvent } from "./options.ts";
import { type InDoubt, toDecision, toMessage } from "./translate.ts";

/** Implementation limit: CCS messages that are recognised when they are repeated. */
const MAX_REMEMBERED = 100_000;

const requests = operationChannel("cloud-messaging:gateway-request");

/** Parts of the service. */
export interface GatewayServiceParts {
  readonly logins: Logins;
  readonly senderOf: (project: string) => Sender | undefined;
  readonly answerTimeoutMs: number;
  readonly inDoubt: InDoubt;
  readonly repeatWindowMs: number;
  readonly onEvent: (event: GatewayEvent) => void;
  readonly clock: Clock;
}

interface Remembered {
  readonly decision: Promise<Decision>;
  readonly at: ReturnType<Clock["monotonic"]>;
}

/** The service behind the gateway's connection servers: each message goes to the FCM sender of its client's project. */
export class GatewayService implements MessagingService {
  readonly #parts: GatewayServiceParts;
  readonly #repeats = new RecentMap<string, Remembered>(MAX_REMEMBERED);
  #underWay = 0;

  constructor(parts: GatewayServiceParts) {
    this.#parts = parts;
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
    const { messageId } = message;
    if (message.protocol !== "ccs" || messageId === undefined) return this.#request(message, client);
    const key = repeatKey(client.options.name, messageId, message);
    const before = this.#repeats.get(key);
    if (before !== undefined && elapsedMs(this.#parts.clock, before.at) < this.#parts.repeatWindowMs)
      return before.decision;
    const remembered = { decision: this.#request(message, client), at: this.#parts.clock.monotonic() };
    this.#repeats.set(key, remembered);
    // what was refused, or failed, may be sent again under the same ID
    const forget = (): void => {
      if (this.#repeats.get(key) === remembered) this.#repeats.delete(key);
    };
    remembered.decision.then(({ kind }) => {
      if (kind === "refused") forget();
    }, forget);
    return remembered.decision;
  }

  /** Sends a message, and publishes the request where somebody subscribes to requests. */
  #request(message: IncomingMessage, client: KnownClient): Promise<Decision> {
    if (!requests.hasSubscribers) return this.#send(message, client);
    const { name, project } = client.options;
    const operation: GatewayOperation = { client: name, project, protocol: protocolOf(message) };
    return traced(requests, operation, () => this.#send(message, client), resultOf);
  }

  async #send(message: IncomingMessage, client: KnownClient): Promise<Decision> {
    const { clock, answerTimeoutMs, inDoubt, onEvent, senderOf } = this.#parts;
    const { name, project } = client.options;
    const startedAt = clock.monotonic();
    const tell = (decision: Decision): Decision => {
      const detail = decision.kind === "refused" ? decision.detail : undefined;
      onEvent({
        type: "answered",
        client: name,
        project,
        protocol: protocolOf(message),
        result: resultOf(decision),
        tookMs: elapsedMs(clock, startedAt),
        ...(detail === undefined ? {} : { detail }),
      });
      return decision;
    };
    const waitMs = client.rate?.take() ?? 0;
    if (waitMs > 0) return tell(busy("The client's rate is exceeded", Math.ceil(waitMs / 1000)));
    const { address } = message;
    if (address.kind === "token" && tokenProblem(address.token) !== undefined) {
      return tell({ kind: "refused", code: "invalid-registration" });
    }
    const sender = senderOf(project);
    if (sender === undefined) return tell(busy("The project is not configured any more", 60));
    this.#underWay++;
    try {
      const { outcome } = await sender.send(toMessage(message), { timeoutMs: answerTimeoutMs });
      return tell(toDecision(outcome, inDoubt, clock.now()));
    } catch (error) {
      if (!isCloudMessagingError(error)) throw error;
      return tell(refusalOf(error));
    } finally {
      this.#underWay--;
    }
  }
}

const protocolOf = ({ protocol }: IncomingMessage): "ccs" | "gcm-http" => (protocol === "ccs" ? "ccs" : "gcm-http");

const resultOf = (decision: Decision): string => (decision.kind === "accepted" ? "accepted" : decision.code);

/**
 * Makes the key that a repeat has in common with the message it repeats: client, `message_id` and content. An app server that counts its
 * messages anew after a restart repeats IDs, not messages. The time to live may have become shorter meanwhile.
 */
function repeatKey(client: string, messageId: string, { to, fields }: IncomingMessage): string {
  const content = JSON.stringify([client, messageId, to, { ...fields, time_to_live: undefined }]);
  return createHash("sha256").update(content).digest("base64");
}

function refusalOf(error: CloudMessagingError): Refusal {
  switch (error.code) {
    case "ERR_INVALID_MESSAGE": {
      // the path is the client's own words
      const { problems } = error as unknown as { readonly problems: readonly FieldProblem[] };
      const tooBig = problems.some(({ problem }) => /\bbytes\b/.test(problem));
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

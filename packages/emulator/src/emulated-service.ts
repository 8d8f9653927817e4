import type {
  Decision,
  IncomingMessage,
  Login,
  MessagingService,
  Refusal,
  Sender,
  UpstreamPort,
  UpstreamReceiver,
} from "@cloud-messaging/connection-server";
import type { AppInstance } from "./model/app-instance.ts";
import type { DeviceRegistry } from "./model/devices.ts";
import type { ModelMessage } from "./model/message.ts";
import type { CloudService } from "./model/service.ts";
import { isMalformed } from "./model/token-rules.ts";
import type { UpstreamQueues } from "./model/upstream.ts";
import type { Credentials } from "./servers/credentials.ts";

/** Parts of the emulator behind its connection servers. */
export interface EmulatedServiceParts {
  readonly service: CloudService;
  readonly registry: DeviceRegistry;
  readonly upstream: UpstreamQueues;
  readonly credentials: Credentials;
  readonly autoRegister: boolean;
}

const BAD_LOGIN: Refusal = { kind: "refused", code: "authentication-failed" };

/** The device model as a service behind connection servers: captures every message and decides at once. */
export class EmulatedService implements MessagingService {
  readonly #parts: EmulatedServiceParts;

  constructor(parts: EmulatedServiceParts) {
    this.#parts = parts;
  }

  get rules(): CloudService["profile"] {
    return this.#parts.service.profile;
  }

  authenticate({ kind, secret, senderId }: Login): Sender | Refusal {
    const { credentials } = this.#parts;
    if (kind === "access-token") return credentials.checkBearer(secret) ? { kind: "sender", senderId } : BAD_LOGIN;
    const known = credentials.check(secret);
    if (known === undefined) return BAD_LOGIN;
    if (senderId === undefined) return { kind: "sender", senderId: known.senderId };
    return credentials.checkFor(secret, senderId) ? { kind: "sender", senderId } : BAD_LOGIN;
  }

  submit(message: IncomingMessage): Decision {
    return message.address.kind === "fid"
      ? this.#submitToFid(message, message.address.fid)
      : this.#parts.service.send(this.resolve(message));
  }

  refused(message: IncomingMessage, refusal: Refusal): void {
    const { service } = this.#parts;
    service.refuse(service.receive(this.resolve(message)), refusal);
  }

  attach(port: UpstreamPort): UpstreamReceiver {
    const { upstream } = this.#parts;
    const { senderId } = port;
    upstream.attach(senderId, port);
    return {
      get unacked() {
        return upstream.unacked(senderId, port);
      },
      acked: (from, messageId) => upstream.acked(senderId, port, from, messageId),
      detach: () => upstream.detach(senderId, port),
    };
  }

  /** Resolves the recipient, and takes the content that the recipient's platform has. */
  resolve(message: IncomingMessage): ModelMessage {
    const { service, registry } = this.#parts;
    const { address } = message;
    const resolved =
      address.kind === "fid"
        ? ({ kind: "token", token: this.#appOfFid(address.fid)?.canonicalToken ?? address.fid } as const)
        : address.kind === "token" && address.orGroup === true
          ? service.addressOf(address.token)
          : address;
    const platform = resolved.kind === "token" ? registry.byToken(resolved.token)?.device.platform : undefined;
    if (message.contentFor === undefined || platform === undefined || platform === "android") {
      return resolved === address ? (message as ModelMessage) : { ...message, address: resolved };
    }
    // the largest content of all platforms counts
    const { payloadBytes } = message;
    return { ...message, ...message.contentFor(platform), payloadBytes, address: resolved };
  }

  #submitToFid(message: IncomingMessage, fid: string): Decision {
    const { service, autoRegister } = this.#parts;
    const app = this.#appOfFid(fid);
    const resolved = this.resolve(message);
    if (app === undefined && !(autoRegister && !isMalformed(fid))) {
      return service.refuse(service.receive(resolved), { kind: "refused", code: "not-registered" });
    }
    const decision = service.send(resolved);
    if (decision.kind === "accepted" && app !== undefined && message.dryRun !== true) this.#moveToFid(app, fid);
    return decision;
  }

  /** The app whose token begins with the installation ID, or that has moved to it already. */
  #appOfFid(fid: string): AppInstance | undefined {
    const { registry } = this.#parts;
    const moved = registry.byToken(fid);
    if (moved !== undefined) return moved;
    for (const app of registry.apps()) {
      if (app.tokens.size > 0 && app.canonicalToken.startsWith(`${fid}:`)) return app;
    }
    return undefined;
  }

  /** A device has one or the other: once it was reached by its ID, its tokens are gone. */
  #moveToFid(app: AppInstance, fid: string): void {
    const { registry } = this.#parts;
    if (app.canonicalToken === fid || app.tokens.size === 0) return;
    registry.reregister(app, fid);
    for (const token of [...app.tokens]) if (token !== fid) registry.forgetToken(token);
  }
}

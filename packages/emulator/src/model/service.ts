import type { Decision, MessageContent, Refusal } from "@cloud-messaging/connection-server";
import {
  isTopicName,
  MAX_PAYLOAD_BYTES,
  MAX_TOPIC_PAYLOAD_BYTES,
  matchesCondition,
} from "@cloud-messaging/core/transport";
import type { AppInstance, Delivery } from "./app-instance.ts";
import { type AppRegistrationParts, AppRegistrations } from "./app-registrations.ts";
import { checkApp, checkSize } from "./check-message.ts";
import { DeliveryEngine } from "./delivery.ts";
import type { DeviceGroups } from "./device-groups.ts";
import { DeviceUpstream } from "./device-upstream.ts";
import { viewOf } from "./devices.ts";
import { FanOuts } from "./fan-outs.ts";
import type { CapturedMessage, ModelMessage, ResolvedAddress } from "./message.ts";
import type { InjectedRefusals, MessageLog, ModelCounters } from "./ports.ts";
import type { ProfileRules } from "./profile.ts";
import type { Quotas } from "./quotas.ts";
import { admits, isMalformed, looksGivenOut } from "./token-rules.ts";
import type { UpstreamQueues } from "./upstream.ts";

/** Maximum number of topics of an app. Source: docs/emulator-fidelity.md#topics */
export const MAX_TOPICS = 2000;

/** Parts and settings of the service. */
export interface ServiceParts extends AppRegistrationParts {
  readonly profile: ProfileRules;
  readonly uninstallDetectionDelayMs: number;
  /** Sender ID of devices without one. */
  readonly defaultSenderId: string;
  readonly groups: DeviceGroups;
  readonly upstream: UpstreamQueues;
  readonly inbox: MessageLog;
  readonly faults: InjectedRefusals;
  readonly quotas: Quotas;
  readonly counters: ModelCounters;
}

/** App that a message is addressed to, and the token used. */
interface Recipient {
  readonly app: AppInstance;
  readonly token: string;
}

/**
 * The messaging service without wire formats: decides on messages and delivers them. The servers of all protocols use this class and none of the
 * parts behind it.
 */
export class CloudService {
  readonly #parts: ServiceParts;
  /** Registrations of apps. */
  readonly apps: AppRegistrations;
  /** Delivery of accepted messages to devices. */
  readonly delivery: DeliveryEngine;
  /** Messages sent by devices. */
  readonly deviceUpstream: DeviceUpstream;
  readonly #fanOuts: FanOuts<Recipient>;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    this.apps = new AppRegistrations(parts);
    this.#fanOuts = new FanOuts(parts.clock, parts.quotas.limits);
    this.deviceUpstream = new DeviceUpstream({
      ...parts,
      delivery: () => this.delivery,
      receive: (message) => this.receive(message),
    });
    this.delivery = new DeliveryEngine({
      ...parts,
      onReceipt: (delivery) => this.deviceUpstream.sendReceipt(delivery),
    });
  }

  get profile(): ProfileRules {
    return this.#parts.profile;
  }

  /** Resolves `to`: a topic, a group by its key, or a token. */
  addressOf(to: string): ResolvedAddress {
    if (to.startsWith("/topics/")) return { kind: "topic", topic: to.slice("/topics/".length) };
    if (this.#parts.groups.byKey(to) !== undefined) return { kind: "group", notificationKey: to };
    return { kind: "token", token: to };
  }

  /** Captures a message and decides on it at once. */
  send(incoming: ModelMessage): Decision {
    return this.decide(this.receive(incoming), incoming);
  }

  /** Captures a message whose decision comes later, or never. */
  receive(incoming: ModelMessage): CapturedMessage {
    const { inbox, clock, counters } = this.#parts;
    counters.messages++;
    return inbox.capture(incoming, clock.now());
  }

  /** Decides on a captured message, and delivers it if accepted. */
  decide(captured: CapturedMessage, incoming: ModelMessage): Decision {
    const decision = this.#decide(captured, incoming);
    return decision.kind === "refused" ? this.refuse(captured, decision) : this.#accepted(decision);
  }

  /** Records the refusal of a captured message. */
  refuse(captured: CapturedMessage, refusal: Refusal): Refusal {
    const { inbox, clock, counters } = this.#parts;
    counters.rejected++;
    const detail = refusal.word ?? refusal.code;
    inbox.note(captured, clock.now(), "rejected", {
      detail: refusal.detail === undefined ? detail : `${detail}: ${refusal.detail}`,
      code: refusal.code,
    });
    return refusal;
  }

  /** Records that a captured message waits for its decision. */
  hold(captured: CapturedMessage): void {
    this.#parts.inbox.note(captured, this.#parts.clock.now(), "held");
  }

  /** Records that the answer to a captured message was lost. */
  leaveUnanswered(captured: CapturedMessage, detail: string): void {
    this.#parts.inbox.note(captured, this.#parts.clock.now(), "unanswered", { detail });
  }

  /** Unregisters an app: its tokens stop working at once. */
  unregister(app: AppInstance): void {
    this.#parts.registry.unregister(app);
    this.delivery.discardStored(app, "the app has unregistered");
    this.#parts.events.emit({ type: "device", change: "unregistered", device: viewOf(app) });
  }

  /** Removes an app from the emulator, with everything queued for it and on it. */
  remove(app: AppInstance): void {
    this.#parts.registry.remove(app);
    this.delivery.discardStored(app, "the device was removed");
    this.deviceUpstream.discardUnsent(app);
    app.unconfirmed.clear();
    this.#parts.events.emit({ type: "device", change: "removed", device: viewOf(app) });
  }

  /** Removes every device, and every message in delivery. */
  reset(): void {
    this.#fanOuts.reset();
    this.deviceUpstream.reset();
    this.delivery.reset();
  }

  setConnected(app: AppInstance, connected: boolean): void {
    this.delivery.setConnected(app.device, connected);
    this.deviceUpstream.flush(app.device);
  }

  #decide(captured: CapturedMessage, message: ModelMessage): Decision {
    switch (message.address.kind) {
      case "token":
        return this.#toToken(captured, message, message.address.token);
      case "topic":
        return this.#toTopic(captured, message, message.address);
      case "condition":
        return this.#toTopic(captured, message, message.address);
      case "group":
        return this.#toGroup(captured, message, message.address.notificationKey);
    }
  }

  #toToken(captured: CapturedMessage, message: ModelMessage, token: string): Decision {
    if (message.dryRun && this.apps.wouldRegister(token)) {
      // a token that would be registered automatically: a dry run changes nothing
      const refusal =
        checkSize(message, MAX_PAYLOAD_BYTES) ?? this.#parts.faults.takeRefusal(message.protocol, [token]);
      if (refusal !== undefined) return refusal;
      const decision = this.#newDecision(message);
      this.#parts.inbox.name(captured, decision.messageId);
      this.#dispatch(captured, message, []);
      return decision;
    }
    const found = this.#findApp(token, message);
    if ("kind" in found) return found;
    const refusal = this.#refusalOf(message, found, MAX_PAYLOAD_BYTES, [token]);
    if (refusal !== undefined) return refusal;
    const decision = this.#newDecision(message);
    this.#parts.inbox.name(captured, decision.messageId);
    this.#dispatch(captured, message, [{ app: found, token }]);
    return found.canonicalToken === token ? decision : { ...decision, canonicalToken: found.canonicalToken };
  }

  #toTopic(
    captured: CapturedMessage,
    message: ModelMessage,
    address: Extract<ResolvedAddress, { kind: "topic" | "condition" }>,
  ): Decision {
    const { faults, registry } = this.#parts;
    if (address.kind === "topic" && !isTopicName(address.topic)) {
      return { kind: "refused", code: "invalid-registration", detail: "The topic name is not valid" };
    }
    const tooBig = checkSize(message, MAX_TOPIC_PAYLOAD_BYTES);
    if (tooBig !== undefined) return tooBig;
    const refusal = faults.takeRefusal(message.protocol, [message.to]) ?? this.#tooManyToTopics(message);
    if (refusal !== undefined) return refusal;
    // only the answer about a topic has a number for its ID
    const decision = { ...this.#newDecision(message), numericId: this.#parts.ids.wide() };
    this.#parts.inbox.name(captured, decision.messageId);
    const meant: Recipient[] = [];
    const candidates = address.kind === "topic" ? registry.subscribers(address.topic) : registry.apps();
    for (const app of candidates) {
      if (!admits(app, message.senderId) || app.tokens.size === 0) continue;
      if (address.kind === "condition" && !matchesCondition(address.node, app.topics)) continue;
      meant.push({ app, token: app.canonicalToken });
    }
    this.#dispatch(captured, message, meant);
    return decision;
  }

  #toGroup(captured: CapturedMessage, message: ModelMessage, notificationKey: string): Decision {
    const group = this.#parts.groups.byKey(notificationKey);
    if (group === undefined) return { kind: "refused", code: "not-registered" };
    if (message.senderId !== undefined && message.senderId !== group.senderId) {
      return { kind: "refused", code: "mismatch-sender-id" };
    }
    // no member can receive it, now or later
    const tooBig = checkSize(message, MAX_PAYLOAD_BYTES);
    if (tooBig !== undefined) return tooBig;
    const fault = this.#parts.faults.takeRefusal(message.protocol, [message.to]);
    if (fault !== undefined) return fault;
    const failed: string[] = [];
    const meant: Recipient[] = [];
    let unregistered = 0;
    for (const token of group.members) {
      if (message.dryRun && this.apps.wouldRegister(token)) {
        unregistered++; // as above: no trace
        continue;
      }
      const app = this.#findApp(token, message);
      if ("kind" in app || this.#refusalOf(message, app, MAX_PAYLOAD_BYTES, [token]) !== undefined) failed.push(token);
      else meant.push({ app, token });
    }
    const decision = this.#newDecision(message);
    this.#parts.inbox.name(captured, decision.messageId);
    const success = meant.length + unregistered;
    if (success === 0) {
      this.#parts.counters.discarded++;
      this.#parts.inbox.note(captured, this.#parts.clock.now(), "discarded", {
        detail: "no member of the group could be sent to",
      });
    } else this.#dispatch(captured, message, meant);
    return { ...decision, group: { success, failure: failed.length, failed } };
  }

  #findApp(token: string, message: ModelMessage): AppInstance | Refusal {
    const app = isMalformed(token) ? undefined : this.apps.appOf(token);
    if (app !== undefined) {
      return checkApp(message.senderId, contentOf(message, app).restrictedPackageName, app) ?? app;
    }
    const { registry } = this.#parts;
    const unlike = message.checksTokenForm === true && !registry.isDead(token) && !looksGivenOut(token);
    if (isMalformed(token) || (unlike && !this.#parts.autoRegister)) {
      const detail = `Invalid token on 'to' field: ${token.slice(0, 100)}`;
      return { kind: "refused", code: "invalid-registration", detail };
    }
    return this.apps.refusalOfUnknown(token) ?? { kind: "refused", code: "not-registered" };
  }

  #refusalOf(
    message: ModelMessage,
    app: AppInstance,
    limit: number,
    recipients: readonly string[],
  ): Refusal | undefined {
    const content = contentOf(message, app);
    const refusal =
      content.refusal ?? checkSize(content, limit) ?? this.#parts.faults.takeRefusal(message.protocol, recipients);
    if (refusal !== undefined) return refusal;
    if (!message.dryRun && app.device.rate !== undefined && !app.device.rate.take(this.#parts.clock.monotonic())) {
      return {
        kind: "refused",
        code: "device-message-rate-exceeded",
        detail: "Downstream message rate exceeded for this registration id",
      };
    }
    return undefined;
  }

  #newDecision(message: ModelMessage): Extract<Decision, { kind: "accepted" }> {
    const { ids } = this.#parts;
    return { kind: "accepted", messageId: message.dryRun ? "fake_message_id" : ids.message() };
  }

  #accepted(decision: Extract<Decision, { kind: "accepted" }>): Decision {
    const { counters } = this.#parts;
    counters.accepted++;
    if (decision.canonicalToken !== undefined) counters.canonical++;
    return decision;
  }

  #dispatch(captured: CapturedMessage, message: ModelMessage, meant: readonly Recipient[]): void {
    const { inbox, clock } = this.#parts;
    inbox.meantFor(captured, meant.length);
    if (message.dryRun) {
      inbox.note(captured, clock.now(), "validated", { detail: "dry run: nothing is delivered" });
      return;
    }
    if (meant.length === 0) {
      inbox.note(captured, clock.now(), "accepted", { detail: "no device is subscribed" });
      return;
    }
    const now = clock.now();
    inbox.note(captured, now, "accepted");
    const { kind } = message.address;
    const toMany = kind === "topic" || kind === "condition";
    const deliver = ({ app, token }: Recipient): void => {
      const from =
        message.address.kind === "token"
          ? (message.senderId ?? [...app.senderIds][0] ?? this.#parts.defaultSenderId)
          : message.to;
      const content = contentOf(message, app);
      const expiresAt = now + content.timeToLiveSec * 1000;
      const delivery: Delivery = { captured, app, token, from, expiresAt, ...(content === message ? {} : { content }) };
      // those of a single recipient were found before the answer
      const refusal = toMany ? (content.refusal ?? checkSize(content, MAX_TOPIC_PAYLOAD_BYTES)) : undefined;
      if (refusal === undefined) this.delivery.deliver(delivery);
      else this.delivery.discard(delivery, refusal.detail ?? refusal.code);
    };
    if (toMany) this.#fanOuts.start(this.#projectOf(message), meant, deliver);
    else for (const recipient of meant) deliver(recipient);
  }

  /** Project whose quota a message to a topic counts towards. */
  #projectOf({ project, senderId }: ModelMessage): string {
    return project ?? senderId ?? this.#parts.defaultSenderId;
  }

  #tooManyToTopics(message: ModelMessage): Refusal | undefined {
    if (message.dryRun) return undefined;
    const project = this.#projectOf(message);
    const code = "topics-message-rate-exceeded";
    if (this.#fanOuts.isFull(project)) {
      return { kind: "refused", code, detail: "Too many topic messages are under way for the project" };
    }
    return this.#parts.quotas.spendTopicMessage(project, message.to)
      ? undefined
      : { kind: "refused", code, detail: "Message rate exceeded for this topic" };
  }
}

/** Content of a message for an app's platform; the message itself if it is the same on all. */
function contentOf(message: ModelMessage, app: AppInstance): MessageContent {
  return message.contentFor?.(app.device.platform) ?? message;
}

import { processWide } from "../environment/process-wide.ts";
import { publish } from "../events.ts";
import { type Warner, warn } from "../warning.ts";
import type { ErrorCode } from "./error-code.ts";
import { outcomeKindFor } from "./outcome.ts";

/** Transports and addresses with a warning already. */
const warned = processWide("core/unreachable/1", () => new Set<string>());
/** Addresses remembered. A process that talks to more is not warned of any further one. */
const MAX_WARNED = 1_000;

/**
 * Tells of an endpoint that has never answered, at its first failure: the event `cloud-messaging:unreachable`, and once per transport and
 * address a process warning with the code `CLOUD_MESSAGING_UNREACHABLE`. Silent from the first answer on.
 */
export class Reachability {
  readonly #transport: string;
  readonly #address: string;
  readonly #warner: Warner;
  #state: "unknown" | "told" | "reached" = "unknown";

  /**
   * @param address Origin or `host:port`.
   * @param warner The global `process`.
   */
  constructor(transport: string, address: string, warner: Warner) {
    this.#warner = warner;
    this.#transport = transport;
    this.#address = address;
  }

  /** True once the endpoint has answered in its protocol. */
  get reached(): boolean {
    return this.#state === "reached";
  }

  /** Notes an answer. */
  answered(): void {
    this.#state = "reached";
  }

  /** Notes a connection that did not come about. */
  failed(code: ErrorCode, detail: string): void {
    if (this.#state !== "unknown") return;
    this.#state = "told";
    const transport = this.#transport;
    const address = this.#address;
    publish("cloud-messaging:unreachable", () => ({ transport, address, code, detail }));
    const name = `${transport} ${address}`;
    if (warned.has(name) || warned.size >= MAX_WARNED) return;
    warned.add(name);
    const lasts = outcomeKindFor(code) === "rejected";
    const then = lasts
      ? "Sends to it are rejected."
      : "Sends to it are tried again for as long as timeoutMs and the retry policy allow.";
    const end = detail.endsWith(".") ? "" : ".";
    const text = `${transport}: ${detail}${end} This endpoint has never answered. ${then}`;
    warn(this.#warner, "CLOUD_MESSAGING_UNREACHABLE", text);
  }
}

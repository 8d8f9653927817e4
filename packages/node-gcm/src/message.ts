/** What a message can hold, under node-gcm's names. Anything else is dropped, as it was there. */
export interface MessageParams {
  collapseKey?: string;
  priority?: string;
  contentAvailable?: boolean;
  mutableContent?: boolean;
  delayWhileIdle?: boolean;
  /** Unit: seconds. */
  timeToLive?: number;
  restrictedPackageName?: string;
  dryRun?: boolean;
  /** Values of any kind: numbers and booleans reach the app as text, objects as JSON, and `null` not at all. */
  data?: Record<string, unknown>;
  /** In the wire's own spelling: `title`, `body`, `click_action` … */
  notification?: Record<string, unknown>;
  fcm_options?: Record<string, unknown>;
}

/** A message to be sent to any number of recipients. */
export interface Message {
  readonly params: MessageParams;
  /** Sets one key of the data, or all of it. */
  addData(key: string, value: unknown): unknown;
  addData(data: Record<string, unknown>): void;
  /** Sets one field of the notification, or all of it. */
  addNotification(key: string, value: unknown): unknown;
  addNotification(notification: Record<string, unknown>): void;
  /** The message as GCM writes it, without a recipient. */
  toJson(): Record<string, unknown>;
  /** @deprecated Use `addData`. */
  addDataWithKeyValue(key: string, value: unknown): void;
  /** @deprecated Use `addData`. */
  addDataWithObject(data: Record<string, unknown>): void;
}

/** Makes a message, with `new` and without. */
export interface MessageConstructor {
  new (params?: MessageParams): Message;
  (params?: MessageParams): Message;
  readonly prototype: Message;
}

/** Name here → name on the wire. */
const WIRE_NAMES: Readonly<Record<keyof MessageParams, string>> = {
  collapseKey: "collapse_key",
  priority: "priority",
  contentAvailable: "content_available",
  mutableContent: "mutable_content",
  delayWhileIdle: "delay_while_idle",
  timeToLive: "time_to_live",
  restrictedPackageName: "restricted_package_name",
  dryRun: "dry_run",
  data: "data",
  notification: "notification",
  fcm_options: "fcm_options",
};

class GcmMessage implements Message {
  readonly params: MessageParams;

  constructor(params: MessageParams = {}) {
    const known = Object.entries(params).filter(([name]) => Object.hasOwn(WIRE_NAMES, name));
    this.params = Object.fromEntries(known);
  }

  addData(...args: [Record<string, unknown>] | [string, unknown]): unknown {
    return this.#set("data", args);
  }

  addNotification(...args: [Record<string, unknown>] | [string, unknown]): unknown {
    return this.#set("notification", args);
  }

  toJson(): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(this.params)
        // put there later, past the constructor
        .filter(([name]) => Object.hasOwn(WIRE_NAMES, name))
        .map(([name, value]) => [WIRE_NAMES[name as keyof MessageParams], value]),
    );
  }

  addDataWithKeyValue(key: string, value: unknown): void {
    process.emitWarning("Message#addDataWithKeyValue is deprecated: use Message#addData", "DeprecationWarning");
    this.addData(key, value);
  }

  addDataWithObject(data: Record<string, unknown>): void {
    process.emitWarning("Message#addDataWithObject is deprecated: use Message#addData", "DeprecationWarning");
    this.addData(data);
  }

  #set(what: "data" | "notification", args: readonly unknown[]): unknown {
    if (args.length === 1) {
      const [whole] = args;
      // an empty object, and what is none, changes nothing
      if (typeof whole === "object" && whole !== null && Object.keys(whole).length > 0) {
        this.params[what] = whole as Record<string, unknown>;
      }
      return undefined;
    }
    if (args.length !== 2) throw new Error(`Invalid number of arguments for setting ${what} (${args.length})`);
    const [key, value] = args;
    const fields = this.params[what] ?? {};
    this.params[what] = fields;
    // defines an own key, whatever it is called: an assignment to __proto__ would be lost
    Object.defineProperty(fields, key as string, { value, enumerable: true, configurable: true, writable: true });
    return value;
  }
}

function MessageFunction(this: unknown, params?: MessageParams): Message {
  // what extends it has methods of its own
  return Reflect.construct(GcmMessage, [params ?? {}], new.target ?? GcmMessage) as Message;
}
MessageFunction.prototype = GcmMessage.prototype;
Object.defineProperty(MessageFunction, "name", { value: "Message" });

/** A message: `new Message({ data: { score: "5x1" } })`. */
export const Message = MessageFunction as unknown as MessageConstructor;

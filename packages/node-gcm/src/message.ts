import type { IMessageOptions, INotificationOptions } from "./typings.ts";

/**
 * Content of a message, under node-gcm's names; other names are dropped, as there. Flags may be 1, 0 or text, seconds and counts text.
 */
export interface MessageParams {
  collapseKey?: string | undefined;
  /** `normal` or `high`. */
  priority?: string | undefined;
  contentAvailable?: Flag | undefined;
  mutableContent?: Flag | undefined;
  delayWhileIdle?: Flag | undefined;
  /** Unit: seconds. */
  timeToLive?: number | string | undefined;
  restrictedPackageName?: string | undefined;
  dryRun?: Flag | undefined;
  /** Values of any kind: numbers and booleans reach the app as text, objects as JSON, and `null` not at all. */
  data?: Record<string, unknown> | undefined;
  /** In the spelling of the wire: `title`, `body`, `click_action` … */
  notification?: Record<string, unknown> | INotificationOptions | undefined;
  fcm_options?: Record<string, unknown> | undefined;
}

/** Boolean in any of the accepted forms: `true`, 1, `"1"`, `"true"` and their opposites. */
export type Flag = boolean | number | string;

/** Message for any number of recipients. */
export interface Message {
  readonly params: MessageParams;
  /** @deprecated Declared by @types/node-gcm and without effect, as in node-gcm: give it to the constructor. */
  collapseKey: string;
  /** @deprecated Without effect, as in node-gcm: give it to the constructor. */
  delayWhileIdle: boolean;
  /** @deprecated Without effect, as in node-gcm: give it to the constructor. */
  timeToLive: number;
  /** @deprecated Without effect, as in node-gcm: give it to the constructor. */
  dryRun: boolean;
  /** Sets one key of the data, or all of it. */
  addData(key: string, value: unknown): unknown;
  addData(data: Record<string, unknown>): void;
  /** Sets one field of the notification, or all of it. */
  addNotification(key: string, value: unknown): unknown;
  addNotification(notification: Record<string, unknown> | INotificationOptions): void;
  /** JSON of the message for GCM, without a recipient. */
  toJson(): Record<string, unknown>;
  /** @deprecated Use `addData`. */
  addDataWithKeyValue(key: string, value: unknown): void;
  /** @deprecated Use `addData`. */
  addDataWithObject(data: Record<string, unknown>): void;
}

/** Constructor of `Message`, with `new` and without. */
export interface MessageConstructor {
  new (params?: MessageParams | IMessageOptions): Message;
  (params?: MessageParams | IMessageOptions): Message;
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

/** Methods of a message. Its state is `params` only, so that clones, proxies and old-style constructors are complete. */
class MessageMethods {
  declare readonly params: MessageParams;

  addData(...args: [Record<string, unknown>] | [string, unknown]): unknown {
    return setParam(this.params, "data", args);
  }

  addNotification(...args: [Record<string, unknown>] | [string, unknown]): unknown {
    return setParam(this.params, "notification", args);
  }

  toJson(): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(this.params)
        // set after construction
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
}

function setParam(params: MessageParams, what: "data" | "notification", args: readonly unknown[]): unknown {
  if (args.length === 1) {
    const [whole] = args;
    // an empty object or a value of another type changes nothing
    if (typeof whole === "object" && whole !== null && Object.keys(whole).length > 0) {
      params[what] = whole as Record<string, unknown>;
    }
    return undefined;
  }
  if (args.length !== 2) throw new Error(`Invalid number of arguments for setting ${what} (${args.length})`);
  const [key, value] = args;
  const fields = (params[what] ?? {}) as Record<string, unknown>;
  params[what] = fields;
  // defined as an own key: an assignment to __proto__ would be lost
  Object.defineProperty(fields, key as string, { value, enumerable: true, configurable: true, writable: true });
  return value;
}

// a function, not a class: programs construct and extend it by `Message()` and `Message.call(this, …)`, for which the compiler has no type
function MessageFunction(this: unknown, params?: MessageParams): unknown {
  if (!(this instanceof MessageFunction)) return new Message(params);
  const known = Object.entries(params ?? {}).filter(([name]) => Object.hasOwn(WIRE_NAMES, name));
  Object.assign(this as object, { params: Object.fromEntries(known) });
  return undefined;
}
MessageFunction.prototype = MessageMethods.prototype;
Object.defineProperty(MessageFunction, "name", { value: "Message" });
Object.defineProperty(MessageMethods.prototype, "constructor", { value: MessageFunction, writable: true });

/**
 * Creates a message.
 *
 * @example
 * ```ts
 * import { Message } from "@cloud-messaging/node-gcm";
 *
 * const message = new Message({ data: { score: "5x1" }, timeToLive: 3600 });
 * ```
 */
export const Message = MessageFunction as unknown as MessageConstructor;

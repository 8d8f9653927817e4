// Names of node-gcm, and types of @types/node-gcm.

import { Constants } from "./constants.ts";
import type * as names from "./index.ts";
import { MulitcastResult, Result } from "./legacy-results.ts";
import { Message } from "./message.ts";
import { Sender } from "./sender.ts";

export { Constants } from "./constants.ts";
export { MulitcastResult, type MulitcastResultConstructor, Result, type ResultConstructor } from "./legacy-results.ts";
export { type Flag, Message, type MessageConstructor, type MessageParams } from "./message.ts";
export type { ProxyParts, RetryOptions, SenderOptions } from "./options.ts";
export type { Failure, Response } from "./response.ts";
export { SendError } from "./send-error.ts";
export { Sender, type SenderConstructor } from "./sender.ts";
export type {
  Callback,
  IMessageOptions,
  INotificationOptions,
  IRecipient,
  IResponseBody,
  ISenderOptions,
  ISenderSendOptions,
  Recipient,
} from "./typings.ts";

const gcm = { Constants, Message, MulitcastResult, Result, Sender };

// the types as `gcm.Message`, for `import gcm from` and `import gcm = require()`
declare namespace gcm {
  type Message = names.Message;
  type MulitcastResult = names.MulitcastResult;
  type Result = names.Result;
  type Sender = names.Sender;
  type IMessageOptions = names.IMessageOptions;
  type INotificationOptions = names.INotificationOptions;
  type IRecipient = names.IRecipient;
  type IResponseBody = names.IResponseBody;
  type ISenderOptions = names.ISenderOptions;
  type ISenderSendOptions = names.ISenderSendOptions;
}

// an object, not the module namespace: programs replace its properties, above all in tests
export { gcm as default, gcm as "module.exports" };

// What `require("node-gcm")` gave, by the same names.

import { Constants } from "./constants.ts";
import { Message } from "./message.ts";
import { Sender } from "./sender.ts";

export { Constants } from "./constants.ts";
export type { Recipient } from "./convert.ts";
export { Message, type MessageConstructor, type MessageParams } from "./message.ts";
export { type Failure, type Response, type Result, SendError } from "./response.ts";
export {
  type Callback,
  type ProxyParts,
  type RetryOptions,
  Sender,
  type SenderConstructor,
  type SenderOptions,
} from "./sender.ts";

/** For `import gcm from "@cloud-messaging/node-gcm"`. */
const gcm = { Constants, Message, Sender };
export default gcm;

// A program in TypeScript as users of node-gcm and @types/node-gcm write it: every name of those types, and what programs do with them.
import gcm = require("node-gcm");

const notification: gcm.INotificationOptions = { title: "Hi", icon: "ic_launcher" };
notification.body = "there";
notification.badge = "1";
notification.click_action = undefined;
const content: gcm.IMessageOptions = { collapseKey: "demo", priority: "high", timeToLive: 3, data: { a: "1" } };
content.contentAvailable = true;
content.dryRun = undefined;
content.notification = notification;
const bodyText: string | undefined = content.notification.body;

let message: gcm.Message = new gcm.Message();
message = new gcm.Message(content);
message = new gcm.Message({ collapseKey: "demo", delayWhileIdle: true, timeToLive: 3, data: { key1: "message1" } });
message.addData("key1", "message1");
message.addData({ key1: "message1", key2: "message2" });
message.addNotification(notification);
message.collapseKey = "demo";
message.delayWhileIdle = true;
message.timeToLive = 3;
message.dryRun = true;

const senderOptions: gcm.ISenderOptions = { proxy: process.env["PROXY"], maxSockets: 5 };
senderOptions.timeout = 1000;
const sender: gcm.Sender = new gcm.Sender("key", senderOptions);
const key: string = sender.key;
sender.key = "another";
sender.options = { timeout: 5 };
sender.options.maxSockets = 3;
const kept: gcm.ISenderOptions = sender.options;

const tokens: string[] = [];
tokens.push("token-1");
const recipient: gcm.IRecipient = { registrationTokens: tokens };
const others: gcm.IRecipient[] = [
  { to: "a" },
  { topic: "/topics/a" },
  { condition: "'a' in topics" },
  { notificationKey: "k" },
];

// callbacks whose arguments have the types of the declaration …
sender.sendNoRetry(message, tokens, (error, response) => {
  if (error) console.error(error.code, error.message, error === 401);
  else console.log(response.success + response.failure + response.canonical_ids, response.multicast_id);
  for (const result of response.results ?? []) {
    const id: string | undefined = result.message_id ?? result.registration_id ?? result.error;
    console.log(id);
  }
});
sender.send(message, "token-1", (error, response) => {
  store(response);
  if (error) throw error;
});
sender.send(message, recipient, 10, (error, response) => console.log(error, response.results?.length));

// … types of the program's own, fewer arguments, and none
// biome-ignore lint/suspicious/noExplicitAny: as programs write it
sender.send(message, tokens, (error: any, response: gcm.IResponseBody) =>
  console.log(error, response.success.toFixed()),
);
sender.send(message, tokens, 3, (error: Error | null, response: gcm.IResponseBody) =>
  console.log(error?.message, response),
);
sender.send(message, tokens, (error: number | string | null) => console.log(error));
sender.send(message, tokens, () => {});
const retries: gcm.ISenderSendOptions = { retries: 3 };
retries.backoff = 100;
for (const other of others) sender.send(message, other, retries, done);

// biome-ignore lint/suspicious/noExplicitAny: as programs write it
function done(error: any, response: gcm.IResponseBody): void {
  const id: number | undefined = response.multicast_id;
  console.log(error, id);
}

function store(response: gcm.IResponseBody): void {
  response.results?.push({ error: "NotRegistered" });
}

class News extends gcm.Message {
  constructor(public readonly title: string) {
    super({ collapseKey: "news" });
    this.addData("title", title);
  }
}
class Loud extends gcm.Sender {
  shout(text: string): void {
    this.send(new News(text), { topic: "/topics/loud" }, (error) => console.log(error));
  }
}
new Loud("key").shout("!");

interface Options extends gcm.ISenderOptions {
  mine?: string;
}
const mine: Options = { mine: "x", proxy: { host: "proxy.example", port: 3128 } };
const promised = new Promise<gcm.IResponseBody>((resolve, reject) => {
  new gcm.Sender(key, mine).send(message, tokens, (error, response) => (error ? reject(error) : resolve(response)));
});
console.log(kept, bodyText, promised);

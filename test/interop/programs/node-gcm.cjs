// A program as users of node-gcm and @parse/node-gcm write it: node node-gcm.cjs LIBRARY '{"message":…,"recipient":…,"retries":…}'
const [library, input] = process.argv.slice(2);
const gcm = require(library);
const { message, recipient, retries } = JSON.parse(input);

const sender = new gcm.Sender("AIzaSyEXAMPLE-0123456789-0123456789-012");
sender.send(new gcm.Message(message), recipient, { retries, backoff: 20 }, (error, response) => {
  console.log(JSON.stringify({ error: error?.message ?? error ?? null, response: response ?? null }));
});

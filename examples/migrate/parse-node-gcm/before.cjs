// Sends a score to phones, with @parse/node-gcm and a server key.
const gcm = require("@parse/node-gcm");

const tokens = process.argv.slice(2);
const sender = new gcm.Sender(process.env.SERVER_KEY);

const message = new gcm.Message({ collapseKey: "score", priority: "high", timeToLive: 3600 });
message.addData({ match: "final", score: "3" });
message.addNotification({ title: "Goal!", body: "5 : 1", icon: "ic_goal" });

sender.send(message, { registrationTokens: tokens }, 3, (error, response) => {
  if (error) throw new Error(`not sent: ${error}`);
  response.results.forEach((result, position) => {
    if (result.error === "NotRegistered") console.log(`remove ${tokens[position]}`);
    else console.log(result.error ?? "sent");
  });
});

// Sends a score to phones, with @cloud-messaging/node-gcm and a service account.
const gcm = require("@cloud-messaging/node-gcm");

const tokens = process.argv.slice(2);
const sender = new gcm.Sender("service-account.json");

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

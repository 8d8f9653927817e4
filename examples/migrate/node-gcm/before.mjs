// Sends a score to phones, with node-gcm and a server key, to an address of one's own.
import gcm from "node-gcm";

const tokens = process.argv.slice(2);
const { SERVER_KEY, GCM_URI } = process.env;
const sender = new gcm.Sender(SERVER_KEY, { uri: GCM_URI });

const message = new gcm.Message({
  collapseKey: "score",
  priority: "high",
  timeToLive: 3600,
  data: { match: "final", score: 3 },
});
message.addNotification({ title: "Goal!", body: "5 : 1", icon: "ic_goal" });

sender.send(message, { registrationTokens: tokens }, { retries: 2, backoff: 10 }, (error, response) => {
  if (error) {
    console.error(`failed: ${error}`);
    return;
  }
  console.log(`${response.success} accepted, ${response.failure} refused, ${response.canonical_ids} superseded`);
  response.results.forEach((result, position) => {
    if (result.error === "NotRegistered") console.log(`  remove token ${position}`);
    else if (result.registration_id) console.log(`  replace token ${position} by ${result.registration_id}`);
    else console.log(`  token ${position}: ${result.message_id ? "sent" : result.error}`);
  });
});

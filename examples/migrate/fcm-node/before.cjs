// Sends a score to phones, with fcm-node and a server key.
const FCM = require("fcm-node");

const tokens = process.argv.slice(2);
const fcm = new FCM(process.env.SERVER_KEY);

const payload = {
  registration_ids: tokens,
  collapse_key: "score",
  priority: "high",
  time_to_live: 3600,
  notification: { title: "Goal!", body: "5 : 1", icon: "ic_goal" },
  data: { match: "final", score: "3" },
};
fcm.send(payload, (error, response) => {
  // text, both of them; where one token of several is refused, both are there
  const { results } = JSON.parse(response ?? error);
  results.forEach((result, position) => {
    if (result.error === "NotRegistered") console.log(`remove ${tokens[position]}`);
    else console.log(result.error ?? "sent");
  });
});

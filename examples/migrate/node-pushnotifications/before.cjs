// Sends a score to phones, with node-pushnotifications over FCM.
const PushNotifications = require("node-pushnotifications");

const tokens = process.argv.slice(2);
const push = new PushNotifications({
  fcm: { appName: "scores", serviceAccountKey: require("./service-account.json") },
  isAlwaysUseFCM: true,
});

const data = {
  title: "Goal!",
  body: "5 : 1",
  icon: "ic_goal",
  collapseKey: "score",
  priority: "high",
  timeToLive: 3600,
  custom: { match: "final", score: 3 },
};
push.send(tokens, data).then((results) => {
  for (const { message } of results) {
    for (const { regId, errorMsg } of message) {
      // the error's code is lost on the way: its words are what there is
      if (/not found|not registered/i.test(errorMsg)) console.log(`remove ${regId}`);
      else console.log(errorMsg ?? "sent");
    }
  }
});

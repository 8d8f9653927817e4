const { createFcmSender } = require("@cloud-messaging/http-sender");
const { createApp } = require("./app.js");
const { shutDown } = require("./shut-down.js");

// one for the life of the process
const sender = createFcmSender({ credential: process.env.FCM_CREDENTIAL ?? "application-default" });
const server = createApp(sender).listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening: http://127.0.0.1:${server.address().port}`);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => shutDown(server, sender).then(() => console.log("closed")));
}

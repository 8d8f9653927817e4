// Sends a score to phones, with @googleapis/fcm: a request for each.
import { readFileSync } from "node:fs";
import { auth, fcm } from "@googleapis/fcm";

const tokens = process.argv.slice(2);
const keyFile = "service-account.json";
const scopes = ["https://www.googleapis.com/auth/firebase.messaging"];
const client = fcm({ version: "v1", auth: new auth.GoogleAuth({ keyFile, scopes }) });
const parent = `projects/${JSON.parse(readFileSync(keyFile, "utf8")).project_id}`;

const content = {
  notification: { title: "Goal!", body: "5 : 1" },
  data: { match: "final", score: "3" },
  android: { collapseKey: "score", priority: "HIGH", ttl: "3600s", notification: { icon: "ic_goal" } },
};
for (const token of tokens) {
  try {
    await client.projects.messages.send({ parent, requestBody: { message: { token, ...content } } });
    console.log("sent");
  } catch (error) {
    const details = error.response?.data?.error?.details ?? [];
    const code = details.find(({ errorCode }) => errorCode)?.errorCode;
    console.log(code === "UNREGISTERED" ? `remove ${token}` : (code ?? error.message));
  }
}

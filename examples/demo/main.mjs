// The main job from end to end, against an emulator in this process. `npm run demo`, or `npm run demo -- --json`.
import { parseArgs } from "node:util";
import { startEmulator } from "@cloud-messaging/emulator";
import { subscribe } from "@cloud-messaging/http-sender";
import { multicast } from "./1-multicast.mjs";
import { flowControl } from "./2-ccs.mjs";
import { upstream } from "./3-upstream.mjs";
import { changingConnections } from "./4-connections.mjs";
import { outboxSurvives } from "./5-outbox.mjs";
import { twoUsers } from "./6-two-users.mjs";
import { oldServers } from "./7-gateway.mjs";
import { createNarrator } from "./narrator.mjs";
import { createTally } from "./tally.mjs";

const USAGE =
  "npm run demo            tells the story in the terminal\nnpm run demo -- --json  prints one JSON object per event, and the summary last";

function readOptions() {
  try {
    return parseArgs({
      options: { json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
    }).values;
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

const options = readOptions();
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}

const narrator = createNarrator(options);
// upstream messages that nobody acked come again after a second instead of ten
const emulator = await startEmulator({ ccs: { upstreamResendMs: 1_000 } });
const tally = createTally(emulator);
const stop = [
  subscribe("cloud-messaging:retry", (event) => tally.onRetry(event)),
  subscribe("cloud-messaging:ccs-connection", (event) => tally.onConnection(event)),
];

let problems;
try {
  const story = { emulator, narrator, tally };
  narrator.chapter(1, "HTTP: one message to five registrations");
  await multicast(story);
  narrator.chapter(2, "CCS: 250 messages through a window of 100");
  await flowControl(story);
  narrator.chapter(3, "CCS: messages from devices");
  await upstream(story);
  narrator.chapter(4, "CCS: connections come and go, messages do not");
  await changingConnections(story);
  narrator.chapter(5, "Outbox: a worker is killed, nobody is left out");
  const lost = await outboxSurvives(story);
  narrator.chapter(6, "Registrations: two users, one phone");
  await twoUsers(story);
  narrator.chapter(7, "Gateway: app servers that nobody can change reach a phone");
  const lostByTheGateway = await oldServers(story);

  const summary = { ...tally.summary(), lostByTheOutbox: lost, lostByTheGateway };
  problems = tally.problems(summary);
  if (lost > 0) problems.push(`${lost} recipients of the outbox are lost`);
  if (lostByTheGateway > 0) problems.push(`${lostByTheGateway} messages of the gateway are lost`);
  narrator.finish(summary, problems);
} finally {
  for (const unsubscribe of stop) unsubscribe();
  await emulator.close();
}
process.exitCode = problems.length === 0 ? 0 : 1;

// The process of one client under one fault: sends what it is told, and tells of every answer. Ends when its parent says so.
import { toldBy, wordsOf } from "./told.mjs";

const { protocol, client, server, rounds, roundMs } = JSON.parse(process.argv[2]);

// a failure that nobody handles ends a program; what it had not told by then is never told
const end = (why) => process.send({ ended: why }, () => process.exit(1));
process.on("uncaughtException", (error) => end(`uncaught: ${error?.message ?? error}`));
process.on("unhandledRejection", (error) => end(`unhandled rejection: ${error?.message ?? error}`));
process.once("disconnect", () => process.exit());

const { default: clients } = await import(`../clients/${protocol}.mjs`);
const opened = await clients[client].open(server, (id, text) => process.send({ upstream: { id, text } }));
process.send({ open: true });

const tell = (token, word, why) => process.send({ told: token, word, why });
async function call(tokens) {
  try {
    await opened.send(tokens, tell);
  } catch (error) {
    for (const token of tokens) tell(token, toldBy(error), wordsOf(error));
  }
}

const all = [];
for (const round of rounds) {
  const answered = Promise.all(round.map(call));
  all.push(answered);
  if (round !== rounds.at(-1)) await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, roundMs))]);
}
await Promise.all(all);
const { user, system } = process.cpuUsage();
const rssMb = process.resourceUsage().maxRSS / 1024;
process.send({ done: { cpuMs: (user + system) / 1000, ms: performance.now(), rssMb } });

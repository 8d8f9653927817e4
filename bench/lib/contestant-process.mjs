// The process of one contestant: does the task that it is told, and says what that cost.
import { garbage, heldWhilePending } from "./heap.mjs";
import { openLoop } from "./open-loop.mjs";

const { url, index, name, server } = JSON.parse(process.argv[2]);
const { default: cases } = await import(url);
const contestant = await cases[index].contestants[name](server);

const TASKS = {
  async cost({ messages }) {
    globalThis.gc?.();
    const before = process.cpuUsage();
    const startedAt = performance.now();
    const accepted = await contestant.send(messages);
    const wallMs = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(before);
    if (accepted !== messages) throw new Error(`${accepted} of ${messages} messages were accepted`);
    return { cpuUs: user + system, wallMs, rssMb: process.resourceUsage().maxRSS / 1024 };
  },
  latency: (load) => openLoop(contestant.sendOne, load),
  garbage: (given) => garbage(contestant, given),
  heldWhilePending: (given) => heldWhilePending(contestant, given),
};

process.on("message", async ({ task = "cost", ...given }) => {
  try {
    process.send(await TASKS[task](given));
  } catch (error) {
    process.send({ error: `${name}: ${error?.stack ?? error}` });
  }
});
process.once("disconnect", () => contestant.close());
process.send({});

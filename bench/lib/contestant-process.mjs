// The process of one contestant: sends as many messages as it is told, and says what that cost.
const { url, index, name, server } = JSON.parse(process.argv[2]);
const { default: cases } = await import(url);
const contestant = await cases[index].contestants[name](server);

process.on("message", async ({ messages }) => {
  try {
    globalThis.gc?.();
    const before = process.cpuUsage();
    const startedAt = performance.now();
    const accepted = await contestant.send(messages);
    const wallMs = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(before);
    if (accepted !== messages) throw new Error(`${name}: ${accepted} of ${messages} messages were accepted`);
    process.send({ cpuUs: user + system, wallMs, rssMb: process.resourceUsage().maxRSS / 1024 });
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});
process.once("disconnect", () => contestant.close());
process.send({});

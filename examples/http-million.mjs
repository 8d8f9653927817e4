// A million tokens in bounded memory: tokens are taken as they are sent, outcomes come as they are known.
// The server is a canned one in a process of its own, so that the memory shown is the sender's.
import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createGcmSender } from "@cloud-messaging/http-sender";

const TOTAL = Number(process.env.TOKENS ?? 1_000_000);

// 64 MB of heap: all the tokens would not fit into it. (With more, V8 leaves more garbage lying about, which says nothing.)
const HEAP = "--max-old-space-size=64";

if (process.argv[2] === "server") serve();
else if (process.execArgv.includes(HEAP)) await send();
else process.exitCode = spawnSync(process.execPath, [HEAP, import.meta.filename], { stdio: "inherit" }).status ?? 1;

async function send() {
  const server = fork(import.meta.filename, ["server"], { execArgv: [] });
  const [endpoint] = await once(server, "message");
  const sender = createGcmSender({ apiKey: "AIza-EXAMPLE", endpoint });
  const startedAt = performance.now();
  const marks = [0.1, 0.5, 1];
  let shownAt = 0;

  function onProgress(progress) {
    const { settled, accepted, unregistered } = progress;
    const share = settled / TOTAL;
    if (settled - shownAt >= TOTAL / 100 || settled === TOTAL) {
      shownAt = settled;
      const line = `${(share * 100).toFixed(0).padStart(3)} %  accepted ${accepted}, unregistered ${unregistered}`;
      if (process.stdout.isTTY) process.stdout.write(`\r${line}`);
      else if (settled % (TOTAL / 10) === 0) console.log(line);
    }
    if (share >= marks[0]) {
      const peakMb = process.resourceUsage().maxRSS / 1024;
      console.log(`${process.stdout.isTTY ? "\n" : ""}peak RSS at ${marks.shift() * 100} %: ${peakMb.toFixed(0)} MB`);
    }
  }

  function* tokens() {
    for (let n = 0; n < TOTAL; n++) yield `${n.toString(36)}:APA91b${"x".repeat(140)}`;
  }

  let outcomes = 0;
  for await (const _outcome of sender.sendAll({ data: { campaign: "spring" } }, tokens(), { onProgress })) outcomes++;
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`${outcomes} outcomes in ${seconds.toFixed(1)} s`);
  await sender.close();
  server.disconnect();
  if (outcomes !== TOTAL) process.exitCode = 1;
}

/** Answers every hundredth token with NotRegistered, accepts the others. */
function serve() {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { registration_ids } = JSON.parse(Buffer.concat(chunks).toString());
    const results = registration_ids.map((_, n) =>
      n % 100 === 99 ? { error: "NotRegistered" } : { message_id: `0:1459269400123456%${n}` },
    );
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ multicast_id: 1, success: 0, failure: 0, canonical_ids: 0, results }));
  });
  server.listen(0, "127.0.0.1", () => process.send(`http://127.0.0.1:${server.address().port}/fcm/send`));
  process.once("disconnect", () => process.exit());
}

// A canned GCM HTTP connection server: reads the request to its end and accepts every token. As cheap as node:http goes.
import { createServer } from "node:http";

/** @param {number} latencyMs Every answer takes so long. */
export async function startCannedGcmServer(latencyMs = 0) {
  const answers = new Map();
  const answerFor = (count) => {
    let text = answers.get(count);
    if (text === undefined) {
      const result = '{"message_id":"0:1459269400123456%c0ffee00f9fd7ecd"}';
      text = Buffer.from(
        `{"multicast_id":6782339717028231855,"success":${count},"failure":0,"canonical_ids":0,"results":[${new Array(count).fill(result)}]}`,
      );
      answers.set(count, text);
    }
    return text;
  };
  const later = latencyMs === 0 ? (run) => run() : (run) => setTimeout(run, latencyMs);
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const { registration_ids: ids } = JSON.parse(Buffer.concat(chunks).toString());
      const body = answerFor(ids === undefined ? 1 : ids.length);
      later(() => {
        response.writeHead(200, { "content-type": "application/json; charset=UTF-8", "content-length": body.length });
        response.end(body);
      });
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    value: `http://127.0.0.1:${server.address().port}/fcm/send`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

// The function in a process of its own, which can be frozen, behind a proxy whose connections can be cut.
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";

const RUNTIME = fileURLToPath(new URL("./runtime.mjs", import.meta.url));

/** Starts the function with these options of a sender. */
export async function startFunction(options) {
  const env = { ...process.env, FCM_OPTIONS: JSON.stringify(options) };
  const child = fork(RUNTIME, { env, stdio: ["ignore", "pipe", "inherit", "ipc"] });
  let printed = "";
  child.stdout.on("data", (text) => {
    printed += text;
  });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the function's process has ended with ${code}`);
  });
  ended.catch(() => {}); // it is killed in the end
  const answer = async () => (await Promise.race([once(child, "message"), ended]))[0];
  await answer();
  return {
    /** Invokes it. @param aheadMs Time by which its wall clock has jumped. */
    invoke(records, { aheadMs = 0 } = {}) {
      child.send({ records, aheadMs });
      return answer();
    },
    /** Stops the process as a freeze does. */
    async freeze() {
      child.kill("SIGSTOP");
      const status = () => readFileSync(`/proc/${child.pid}/status`, "utf8");
      while (!/^State:\s+T/m.test(status())) await new Promise(setImmediate);
    },
    thaw: () => child.kill("SIGCONT"),
    kill: () => child.kill("SIGKILL"),
    printed: () => printed,
  };
}

/** Starts a proxy before a port of this machine. */
export async function startProxy(port) {
  const sockets = new Set();
  const server = createServer((socket) => {
    const there = connect(port, "127.0.0.1");
    sockets.add(socket);
    socket.on("close", () => {
      sockets.delete(socket);
      there.destroy();
      server.emit("left");
    });
    for (const [one, other] of [
      [socket, there],
      [there, socket],
    ])
      one.on("error", () => other.destroy()).pipe(other);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    port: server.address().port,
    /** Resolves when no connection is open. */
    async empty() {
      while (sockets.size > 0) await once(server, "left");
    },
    /** Ends every connection. @returns their number */
    cut() {
      const { size } = sockets;
      for (const socket of sockets) socket.destroy();
      return size;
    },
    close() {
      this.cut();
      server.close();
    },
  };
}

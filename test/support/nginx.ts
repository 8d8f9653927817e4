import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, programPath } from "./programs.ts";

/** The nginx of this machine; Debian has it where only root looks. */
const executable = programPath("nginx", ["/usr/sbin", "/usr/local/sbin"]);

/** True if nginx is installed. */
export const hasNginx = executable !== undefined;

/** An nginx in front of something. */
export interface Nginx extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
}

/** Starts nginx on a free loopback port, with its defaults for everything but the locations given. */
export async function startNginx(locations: string): Promise<Nginx> {
  if (executable === undefined) throw new Error("There is no nginx: install one (apt-get install nginx-light)");
  const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-nginx-"));
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
     events {}
     http { access_log off; ${temporary.join(" ")} server { listen 127.0.0.1:${port}; ${locations} } }`,
  );
  const child = spawn(executable, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (data: Buffer) => {
    said += data.toString();
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`nginx does not start: ${said}`);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => setTimeout(() => resolve(false), 20));
  });
}

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, systemUser } from "./programs.ts";
import { API_KEY, DOMAIN, prepareFolder, type RealXmppServer, SENDER_ID, untilListening } from "./prosody.ts";

/** Starts ejabberd with one account; it echoes a message to nobody as a stanza error. */
export async function startEjabberd(): Promise<RealXmppServer> {
  const { folder, ca, cert, key } = await prepareFolder("ejabberd");
  const port = await freePort();
  const pem = join(folder, "both.pem");
  // Erlang wants the lines of PEM as short as the standard says
  const shortLines = readFileSync(key, "utf8").replace(/[^\n-]{64}(?=[^\n-])/g, "$&\n");
  writeFileSync(pem, `${readFileSync(cert, "utf8").trimEnd()}\n${shortLines}`);
  const config = join(folder, "ejabberd.yml");
  const control = join(folder, "ejabberdctl.cfg");
  writeFileSync(
    config,
    `hosts: ["${DOMAIN}"]
loglevel: error
certfiles: ["${pem}"]
auth_method: internal
auth_password_format: plain
listen:
  - { port: ${port}, ip: "127.0.0.1", module: ejabberd_c2s, tls: true }
modules: { mod_ping: {} }
`,
  );
  writeFileSync(control, `ERLANG_NODE=ccs${port}@localhost\nINET_DIST_INTERFACE=127.0.0.1\n`);
  for (const name of ["logs", "spool"]) mkdirSync(join(folder, name));
  const owner = systemUser("ejabberd");
  chmodSync(folder, 0o755);
  for (const path of [folder, ...readdirSync(folder).map((name) => join(folder, name))]) {
    chownSync(path, owner.uid, owner.gid);
  }
  const options = ["--config-dir", folder, "--config", config, "--ctl-config", control];
  const folders = ["--logs", join(folder, "logs"), "--spool", join(folder, "spool")];
  const env = { ...process.env, ERL_EPMD_ADDRESS: "127.0.0.1" };
  const run = (...command: string[]): void => {
    execFileSync("ejabberdctl", [...options, ...folders, ...command], { env, stdio: "ignore" });
  };
  run("start");
  run("started");
  await untilListening(port, () => true);
  run("register", SENDER_ID, DOMAIN, API_KEY);
  return {
    port,
    ca,
    senderId: SENDER_ID,
    apiKey: API_KEY,
    async [Symbol.asyncDispose]() {
      run("stop");
      run("stopped");
      try {
        // the name server that Erlang leaves behind; it stays while another node uses it
        execFileSync("epmd", ["-kill"], { env, stdio: "ignore" });
      } catch {
        // then it is not ours to end
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

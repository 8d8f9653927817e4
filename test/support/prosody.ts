import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestCertificates } from "./fault-server-certificates.ts";
import { freePort } from "./programs.ts";

/** A real XMPP server with one account, reached over direct TLS. */
export interface RealXmppServer extends AsyncDisposable {
  readonly port: number;
  readonly ca: string;
  readonly senderId: string;
  readonly apiKey: string;
}

export const SENDER_ID = "1234567890";
export const API_KEY = "AIza-EXAMPLE";
export const DOMAIN = "gcm.googleapis.com";

/** Resolves once something accepts connections there. */
export async function untilListening(port: number, stillRuns: () => boolean): Promise<void> {
  for (;;) {
    const there = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (there) return;
    if (!stillRuns()) throw new Error("the XMPP server ended while it was waited for");
    // a foreign program is being waited for: there is no event to listen to
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A folder with a certificate for 127.0.0.1 in it. */
export async function prepareFolder(name: string): Promise<{ folder: string; ca: string; cert: string; key: string }> {
  const { ca, server } = await createTestCertificates(["127.0.0.1", DOMAIN]);
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const cert = join(folder, "cert.pem");
  const key = join(folder, "key.pem");
  writeFileSync(cert, server.cert);
  writeFileSync(key, server.key);
  return { folder, ca, cert, key };
}

/**
 * A CCS-like peer in 30 lines of Lua: acks what is sent, answers with an upstream message and a receipt where the data asks for it, and
 * tells in an upstream message which acks it has had.
 */
const PEER = `
local st = require "util.stanza";
local json = require "util.json";
local acks = {};

local function gcm(origin, data)
  origin.send(st.message({ from = "devices@gcm.googleapis.com", type = "normal" })
    :tag("gcm", { xmlns = "google:mobile:data" }):text(json.encode(data)):up());
end

module:hook("pre-message/bare", function (event)
  local child = event.stanza:get_child("gcm", "google:mobile:data");
  if not child then return; end
  local origin, message = event.origin, json.decode(child:get_text());
  if message.message_type == "ack" then
    table.insert(acks, message.to .. " " .. message.message_id);
    return true;
  end
  gcm(origin, { message_type = "ack", from = message.to, message_id = message.message_id });
  local data = message.data or {};
  if data.echo then
    gcm(origin, { from = message.to, message_id = "u-" .. message.message_id, category = "com.example.app", data = { echo = data.echo } });
  end
  if message.delivery_receipt_requested then
    gcm(origin, { message_type = "receipt", from = "gcm.googleapis.com", message_id = "dr2:" .. message.message_id,
      data = { message_status = "MESSAGE_SENT_TO_DEVICE", original_message_id = message.message_id } });
  end
  if data.report then
    gcm(origin, { from = message.to, message_id = "report-" .. message.message_id, data = { acks = table.concat(acks, ",") } });
  end
  return true;
end);
`;

/** Starts Prosody with the CCS-like peer. */
export async function startProsody(): Promise<RealXmppServer> {
  const { folder, ca, cert, key } = await prepareFolder("prosody");
  const port = await freePort();
  mkdirSync(join(folder, "modules"));
  writeFileSync(join(folder, "modules", "mod_ccs_peer.lua"), PEER);
  const config = join(folder, "prosody.cfg.lua");
  writeFileSync(
    config,
    `run_as_root = true
interfaces = { "127.0.0.1" }
c2s_ports = {}
c2s_direct_tls_ports = { ${port} }
s2s_ports = {}
plugin_paths = { "${join(folder, "modules")}" }
modules_enabled = { "saslauth", "tls", "ping", "disco", "ccs_peer" }
modules_disabled = { "s2s", "offline" }
authentication = "internal_plain"
ssl = { certificate = "${cert}", key = "${key}" }
data_path = "${folder}"
pidfile = "${join(folder, "prosody.pid")}"
log = { error = "${join(folder, "error.log")}" }
VirtualHost "${DOMAIN}"
`,
  );
  execFileSync("prosodyctl", ["--root", "--config", config, "register", SENDER_ID, DOMAIN, API_KEY], {
    stdio: "ignore",
  });
  const child = spawn("prosody", ["--root", "-F", "--config", config], { stdio: "ignore" });
  let running = true;
  child.once("exit", () => {
    running = false;
  });
  await untilListening(port, () => running);
  return {
    port,
    ca,
    senderId: SENDER_ID,
    apiKey: API_KEY,
    async [Symbol.asyncDispose]() {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await exit;
}

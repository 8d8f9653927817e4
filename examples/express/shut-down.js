/**
 * Ends a server and its sender in good order: no new connections, an answer for every request under way, then the sender.
 *
 * @param {import("node:http").Server} server
 * @param {import("@cloud-messaging/http-sender").FcmSender} sender
 */
async function shutDown(server, sender) {
  server.keepAliveTimeout = 1; // a connection ends soon after its last answer
  await new Promise((resolve) => server.close(resolve));
  await sender.close();
}

module.exports = { shutDown };

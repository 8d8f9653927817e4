import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const bearer = ({ headers }) => /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";

/**
 * Stands for your own sessions. These are signed: the user's ID, a dot, and a MAC, so that nobody registers a phone for somebody else.
 *
 * @returns `sessionOf`, which makes the session of a user, and two hooks for `onRequest`: `asUser` sets `request.userId`.
 */
export function createSessions({
  secret = randomBytes(32).toString("hex"),
  serviceKey = randomBytes(32).toString("hex"),
} = {}) {
  const mac = (text) => createHmac("sha256", secret).update(text).digest();

  function userOf(request) {
    const [id = "", signature = ""] = bearer(request).split(".");
    const userId = Buffer.from(id, "base64url").toString();
    const [given, due] = [Buffer.from(signature, "base64url"), mac(userId)];
    return given.length === due.length && timingSafeEqual(given, due) ? userId : undefined;
  }

  return {
    serviceKey,
    sessionOf: (userId) => `${Buffer.from(userId).toString("base64url")}.${mac(userId).toString("base64url")}`,
    async asUser(request, reply) {
      request.userId = userOf(request);
      if (request.userId === undefined) await reply.code(401).send({ error: "sign in first" });
    },
    async asService(request, reply) {
      // of equal length, whatever was given
      if (!timingSafeEqual(mac(bearer(request)), mac(serviceKey)))
        await reply.code(401).send({ error: "the service key is due" });
    },
  };
}

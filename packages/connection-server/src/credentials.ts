import type { IncomingHttpHeaders } from "node:http";

/** Key in `Authorization: key=…`; `undefined` when the header is missing or of another form. */
export function keyOfHeader(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^key=(\S+)\s*$/.exec(authorization)?.[1];
}

/** Token in `Authorization: Bearer …`. */
export function bearerOfHeader(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^Bearer (\S+)\s*$/i.exec(authorization)?.[1];
}

/** Access token beside `access_token_auth: true`, without which the endpoints that take API keys take none. */
export function managementBearer(headers: IncomingHttpHeaders): string | undefined {
  return headers["access_token_auth"] === "true" ? bearerOfHeader(headers.authorization) : undefined;
}

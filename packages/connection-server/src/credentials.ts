import type { IncomingHttpHeaders } from "node:http";

/** Key in `Authorization: key=…`; `undefined` when the header is missing or of another form. */
export function keyOfHeader(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^key=(\S+)\s*$/.exec(authorization)?.[1];
}

/** Token in `Authorization: Bearer …`. */
export function bearerOfHeader(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^Bearer (\S+)\s*$/i.exec(authorization)?.[1];
}

/** Sender ID in the header `project_id` of a device-group call; `undefined` when it is missing or of another form. */
export function senderIdOfHeader({ project_id: value }: IncomingHttpHeaders): string | undefined {
  return typeof value === "string" && /^\d{1,20}$/.test(value) ? value : undefined;
}

/** Access token beside `access_token_auth: true`, without which the endpoints that take API keys take none. */
export function managementBearer(headers: IncomingHttpHeaders): string | undefined {
  return headers["access_token_auth"] === "true" ? bearerOfHeader(headers.authorization) : undefined;
}

/** What a PLAIN login says. */
export interface PlainLogin {
  readonly senderId: string;
  readonly password: string;
}

const LOGIN_NAME = /^(\d{1,20})@(?:gcm|fcm)\.googleapis\.com$/;

/** Reads the text of `<auth mechanism="PLAIN">`; `undefined` when it is not a login of an app server. */
export function readPlainLogin(base64: string): PlainLogin | undefined {
  const [, name, password, ...rest] = Buffer.from(base64.trim(), "base64").toString("utf8").split("\0");
  if (name === undefined || password === undefined || password === "" || rest.length > 0) return undefined;
  const senderId = LOGIN_NAME.exec(name)?.[1];
  return senderId === undefined ? undefined : { senderId, password };
}

import { Inject } from "@nestjs/common";

/** Tokens of the sender over FCM HTTP v1 and of the CCS client: their types are interfaces, which Nest cannot inject by. */
export const FCM_SENDER = Symbol("FCM_SENDER");
export const CCS_CLIENT = Symbol("CCS_CLIENT");

/** Injects the sender over FCM HTTP v1, an `FcmSender`. */
export const InjectFcmSender = () => Inject(FCM_SENDER);

/** Injects the CCS client, a `CcsClient`. */
export const InjectCcsClient = () => Inject(CCS_CLIENT);

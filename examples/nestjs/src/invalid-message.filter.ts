import { isCloudMessagingError } from "@cloud-messaging/http-sender";
import { type ArgumentsHost, BadRequestException, Catch } from "@nestjs/common";
import { BaseExceptionFilter } from "@nestjs/core";

/** Answers an invalid message with 400 and the fields to correct; every other error is Nest's. */
@Catch()
export class InvalidMessageFilter extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    const isInvalid = isCloudMessagingError(error) && error.code === "ERR_INVALID_MESSAGE";
    super.catch(isInvalid ? new BadRequestException(error.message) : error, host);
  }
}

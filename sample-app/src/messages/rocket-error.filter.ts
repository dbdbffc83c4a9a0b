import { Catch, HttpStatus, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import { RocketError } from 'nestjs-rocket';

/** Whose fault it is, by the code of the error. All others are faults of the shop. */
const STATUS_OF_CODE: ReadonlyMap<string, HttpStatus> = new Map([
  ['MESSAGE_ILLEGAL', HttpStatus.BAD_REQUEST],
  ['MESSAGE_TOO_LARGE', HttpStatus.BAD_REQUEST],
  ['NAME_ILLEGAL', HttpStatus.BAD_REQUEST],
  ['PAYLOAD_ILLEGAL', HttpStatus.BAD_REQUEST],
  ['NO_PERMISSION', HttpStatus.BAD_REQUEST],
  ['INVALID_OPTION', HttpStatus.BAD_REQUEST],
  ['TOPIC_NOT_EXIST', HttpStatus.BAD_REQUEST],
  ['DISK_FULL', HttpStatus.SERVICE_UNAVAILABLE],
  ['STORE_CLOSED', HttpStatus.SERVICE_UNAVAILABLE],
  ['STORE_WRITE_FAILED', HttpStatus.SERVICE_UNAVAILABLE],
  ['SEND_TIMEOUT', HttpStatus.GATEWAY_TIMEOUT],
  ['REQUEST_TIMEOUT', HttpStatus.GATEWAY_TIMEOUT],
]);

/** Answers what the broker refuses. */
@Catch(RocketError)
export class RocketErrorFilter implements ExceptionFilter<RocketError> {
  readonly #logger = new Logger(RocketErrorFilter.name);

  catch(error: RocketError, host: ArgumentsHost): void {
    const statusCode = STATUS_OF_CODE.get(error.code) ?? HttpStatus.INTERNAL_SERVER_ERROR;
    if (statusCode >= HttpStatus.INTERNAL_SERVER_ERROR) this.#logger.error(error.message, error.stack);
    const { code, message } = error;
    host.switchToHttp().getResponse<Response>().status(statusCode).json({ statusCode, code, message });
  }
}

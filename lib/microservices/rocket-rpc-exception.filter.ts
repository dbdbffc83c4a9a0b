import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';

/**
 * Lets the engine see what a handler threw. Nest's own filter puts "Internal server error" in the place of everything but `RpcException`: the log would not say
 * what failed, and `NonRetryableError` would be retried. Callers of `send` get the error's name and message.
 *
 * @example
 * ```ts
 * @UseFilters(RocketRpcExceptionFilter)
 * ```
 *
 * @publicApi
 */
@Catch()
export class RocketRpcExceptionFilter implements RpcExceptionFilter {
  catch(exception: unknown): Observable<never> {
    return throwError(() => (exception instanceof RpcException ? exception.getError() : exception));
  }
}

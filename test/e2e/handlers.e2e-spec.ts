import {
  BadRequestException,
  type CanActivate,
  Catch,
  Controller,
  Inject,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  Module,
  ParseIntPipe,
  Scope,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  createParamDecorator,
  type ArgumentsHost,
  type CallHandler,
  type ExceptionFilter,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import {
  APP_FILTER,
  APP_GUARD,
  APP_INTERCEPTOR,
  APP_PIPE,
  ContextIdFactory,
  REQUEST,
  Reflector,
  type ContextId,
  type ContextIdStrategy,
  type ContextIdResolver,
} from '@nestjs/core';
import { IsInt, IsString, Min } from 'class-validator';
import { EMPTY, retry, tap, throwError, type Observable } from 'rxjs';
import {
  ListenerInvalidError,
  MessageListener,
  ROCKET_MESSAGE,
  RECONSUME_LATER,
  RocketContext,
  RocketContextMissingError,
  RocketCtx,
  RocketHeader,
  RocketMessage,
  RocketMsg,
  RocketPayload,
  isRocketContext,
  type MessageExt,
  type MessageHeaders,
} from '../../lib/index.js';
import { ManualWorld, compileApp, startApp, type AppParts, type RocketApp } from './rocket-app.js';

const topic = 'orders';
const consumerGroup = 'billing';

/** What happened in an app, in order. */
@Injectable()
class Trail {
  readonly steps: unknown[] = [];
}

/** Starts an app, sends to the topic, and lets all that comes of it happen. */
async function after(
  parts: AppParts,
  payload: unknown,
  headers: MessageHeaders = {},
): Promise<{ readonly app: RocketApp; readonly steps: unknown[] }> {
  const app = await startApp({ ...parts, providers: [Trail, ...(parts.providers ?? [])] });
  await app.template.convertAndSend(topic, payload, headers);
  await app.broker.whenIdle();
  return { app, steps: app.module.get(Trail).steps };
}

async function refusal(parts: AppParts): Promise<Error> {
  const { module } = await compileApp({ ...parts, providers: [Trail, ...(parts.providers ?? [])] });
  return module.init().then(
    () => {
      throw new Error('the app started');
    },
    (error: Error) => error,
  );
}

class Order {
  @IsString()
  orderNo!: string;

  @IsInt()
  @Min(1)
  quantity!: number;
}

@Injectable()
class TrailGuard implements CanActivate {
  constructor(private readonly trail: Trail) {}

  canActivate(context: ExecutionContext): boolean {
    this.trail.steps.push(`guard of ${context.getClass().name}.${context.getHandler().name}`);
    return true;
  }
}

@Injectable()
class TrailInterceptor implements NestInterceptor {
  constructor(private readonly trail: Trail) {}

  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    this.trail.steps.push('before');
    return next.handle().pipe(tap((result: unknown) => this.trail.steps.push(`after ${String(result)}`)));
  }
}

@Injectable()
class UpperCasePipe implements PipeTransform {
  constructor(private readonly trail: Trail) {}

  transform(value: unknown): unknown {
    this.trail.steps.push('pipe');
    return String(value).toUpperCase();
  }
}

describe('around a handler', () => {
  let app: RocketApp | undefined;
  let steps: unknown[];

  const send = async (parts: AppParts, payload: unknown, headers?: MessageHeaders): Promise<void> => {
    ({ app, steps } = await after(parts, payload, headers));
  };

  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  describe('guards, pipes and interceptors run', () => {
    it('when they stand at the class, made by Nest with what they inject', async () => {
      @UseGuards(TrailGuard)
      @UseInterceptors(TrailInterceptor)
      @UsePipes(UpperCasePipe)
      @MessageListener({ topic, consumerGroup })
      class OrderListener {
        constructor(private readonly trail: Trail) {}

        onMessage(payload: unknown, message: MessageExt): string {
          this.trail.steps.push(payload, message.topic);
          return 'done';
        }
      }
      await send({ providers: [OrderListener] }, 'a');
      expect(steps).toEqual(['guard of OrderListener.onMessage', 'before', 'pipe', 'A', 'orders', 'after done']);
    });

    it('when they stand at a method, in a provider or controller, and not at its other methods', async () => {
      @Controller()
      class Orders {
        constructor(private readonly trail: Trail) {}

        @UseGuards(TrailGuard)
        @MessageListener({ topic, consumerGroup })
        guarded(payload: unknown): void {
          this.trail.steps.push(`guarded ${String(payload)}`);
        }

        @MessageListener({ topic, consumerGroup: 'others' })
        open(payload: unknown): void {
          this.trail.steps.push(`open ${String(payload)}`);
        }
      }
      await send({ controllers: [Orders] }, 'a');
      expect(steps.map(String).toSorted()).toEqual(['guard of Orders.guarded', 'guarded a', 'open a']);
    });

    it('each with what its own module provides, when two modules provide the same listener', async () => {
      @Injectable()
      class Place {
        name = '';
      }
      @Injectable()
      class PlaceGuard implements CanActivate {
        constructor(
          private readonly place: Place,
          private readonly trail: Trail,
        ) {}

        canActivate(context: ExecutionContext): boolean {
          this.trail.steps.push(`${this.place.name} ${RocketContext.from(context).listener}`);
          return true;
        }
      }
      @UseGuards(PlaceGuard)
      @MessageListener({ topic, consumerGroup, messageModel: 'BROADCASTING', selectorExpression: '*' })
      class Twice {
        onMessage(): void {}
      }
      class Other extends Twice {}
      MessageListener({ topic, consumerGroup: 'other' })(Other);
      @Module({ providers: [Trail], exports: [Trail] })
      class TrailModule {}
      const placed = (name: string): object => ({ provide: Place, useValue: { name } });
      @Module({ imports: [TrailModule], providers: [Twice, placed('first') as never] })
      class FirstModule {}
      @Module({ imports: [TrailModule], providers: [Other, placed('second') as never] })
      class SecondModule {}
      app = await startApp({ imports: [FirstModule, SecondModule] });
      await app.template.convertAndSend(topic, 'x');
      await app.broker.whenIdle();
      expect(app.module.get(Trail).steps.map(String).toSorted()).toEqual([
        'first Twice (of FirstModule)',
        'second Other (of SecondModule)',
      ]);
    });

    it('and know by their context what they run for', async () => {
      class ContextGuard implements CanActivate {
        canActivate(host: ExecutionContext): boolean {
          const context = RocketContext.from(host);
          seen.push(
            host.getType(),
            isRocketContext(host),
            context.topic,
            context.consumerGroup,
            context.listener,
            context.listenerId,
            context.attempt,
            context.headers['tenant'],
            context.messages.length,
            host.switchToRpc().getData(),
            host.switchToRpc().getContext() === context,
          );
          return true;
        }
      }
      const seen: unknown[] = [];
      @UseGuards(new ContextGuard())
      @MessageListener({ topic, consumerGroup })
      class OrderListener {
        onMessage(): void {}
      }
      await send({ providers: [OrderListener] }, { n: 1 }, { tenant: 'a' });
      const listener = 'OrderListener (of RootTestModule)';
      expect(seen).toEqual([
        'rocket',
        true,
        topic,
        consumerGroup,
        listener,
        'orders@billing',
        1,
        'a',
        1,
        { n: 1 },
        true,
      ]);
    });

    it('and can read what the handler is decorated with', async () => {
      @Injectable()
      class RolesGuard implements CanActivate {
        constructor(
          private readonly reflector: Reflector,
          private readonly trail: Trail,
        ) {}

        canActivate(context: ExecutionContext): boolean {
          this.trail.steps.push(this.reflector.get('role', context.getHandler()));
          return true;
        }
      }
      class Orders {
        @SetMetadata('role', 'admin')
        @UseGuards(RolesGuard)
        @MessageListener({ topic, consumerGroup })
        handle(): void {}
      }
      await send({ providers: [Orders] }, 'x');
      expect(steps).toEqual(['admin']);
    });
  });

  it('an interceptor that ends without a value counts as done, and one may ask for a retry', async () => {
    const results = [EMPTY, [RECONSUME_LATER]];
    class Replacing implements NestInterceptor {
      intercept(): Observable<unknown> {
        return results.shift() as Observable<unknown>;
      }
    }
    @UseInterceptors(new Replacing())
    @MessageListener({ topic, consumerGroup })
    class OrderListener {
      onMessage(): void {
        throw new Error('was called');
      }
    }
    await send({ providers: [OrderListener] }, 'x');
    expect(app!.log.matching(/failed/)).toEqual([]);
  });

  describe('an exception filter', () => {
    @Catch(TypeError)
    class TypeErrorFilter implements ExceptionFilter {
      catch(error: TypeError, host: ArgumentsHost): unknown {
        caught.push(`${error.message} of ${RocketContext.from(host).topic}`);
        return error.message === 'handled' ? true : undefined;
      }
    }
    let caught: string[];
    beforeEach(() => {
      caught = [];
    });

    class Throwing {
      @UseFilters(new TypeErrorFilter())
      @MessageListener({ topic, consumerGroup, maxReconsumeTimes: 0 })
      handle(text: string): void {
        throw text === 'other' ? new RangeError(text) : new TypeError(text);
      }
    }

    it('has handled a failure when it returns true: the message is done', async () => {
      await send({ providers: [Throwing] }, 'handled');
      expect(caught).toEqual(['handled of orders']);
      expect(app!.log.matching(/failed|dead letter/)).toEqual([]);
    });

    it('has only seen a failure when it returns nothing', async () => {
      await send({ providers: [Throwing] }, 'seen');
      expect(caught).toEqual(['seen of orders']);
      expect(app!.log.matching(/Attempt 1 .* failed: seen/)).toHaveLength(1);
    });

    it('has not handled a failure when its Observable fails, as those of microservices do', async () => {
      @Catch()
      class RpcFilter implements ExceptionFilter {
        catch(error: Error): Observable<never> {
          return throwError(() => error);
        }
      }
      class OrderListener {
        @UseFilters(new RpcFilter())
        @MessageListener({ topic, consumerGroup, maxReconsumeTimes: 0 })
        handle(text: string): void {
          throw new Error(text);
        }
      }
      await send({ providers: [OrderListener] }, 'thrown on');
      expect(app!.log.matching(/Attempt 1 .* failed: thrown on/)).toHaveLength(1);
    });

    it('passes what it is not for, which is logged once', async () => {
      await send({ providers: [Throwing] }, 'other');
      expect(caught).toEqual([]);
      expect(app!.log.matching(/other/)).toHaveLength(1);
    });
  });

  describe('global enhancers', () => {
    @Injectable()
    class RequestGuard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return context.switchToHttp().getRequest<{ user: { id: number } }>().user.id > 0;
      }
    }

    @MessageListener({ topic, consumerGroup })
    class OrderListener {
      constructor(private readonly trail: Trail) {}

      @UseGuards(TrailGuard)
      onMessage(payload: unknown): void {
        this.trail.steps.push(payload);
      }
    }

    it('that are made for requests do not run for messages, beside those of the handler', async () => {
      await send({ providers: [OrderListener, { provide: APP_GUARD, useClass: RequestGuard }] }, 'x');
      expect(steps).toEqual(['guard of OrderListener.onMessage', 'x']);
    });

    it('run for messages when the module is told so', async () => {
      @Catch()
      class GlobalFilter implements ExceptionFilter {
        catch(error: Error): unknown {
          return error.message;
        }
      }
      const providers = [
        OrderListener,
        { provide: APP_GUARD, useClass: TrailGuard },
        { provide: APP_INTERCEPTOR, useClass: TrailInterceptor },
        { provide: APP_PIPE, useClass: UpperCasePipe },
        { provide: APP_FILTER, useClass: GlobalFilter },
      ];
      const options = { store: { type: 'memory' as const }, consumer: { globalEnhancers: true } };
      await send({ providers, options }, 'x');
      const guard = 'guard of OrderListener.onMessage';
      expect(steps).toEqual([guard, guard, 'before', 'pipe', 'X', 'after undefined']);
    });
  });

  describe('a guard that says no', () => {
    @Injectable()
    class NoGuard implements CanActivate {
      canActivate(): boolean {
        return false;
      }
    }

    it('makes the message a dead letter, without retries', async () => {
      @UseGuards(NoGuard)
      @MessageListener({ topic, consumerGroup })
      class OrderListener {
        onMessage(): void {}
      }
      await send({ providers: [OrderListener] }, 'x');
      expect(app!.log.matching(/dead letter/)).toHaveLength(1);
      expect(app!.log.matching(/OrderListener .* does not take message .*a guard refuses it/)).toHaveLength(1);
    });

    it('lets it be discarded, or retried as any failure, when the listener says so', async () => {
      @UseGuards(NoGuard)
      @MessageListener({ topic, consumerGroup, onForbidden: 'DISCARD' })
      class Discarding {
        onMessage(): void {}
      }
      @UseGuards(NoGuard)
      @MessageListener({ topic, consumerGroup: 'retrying', onForbidden: 'RETRY' })
      class Retrying {
        onMessage(): void {}
      }
      await send({ providers: [Discarding, Retrying] }, 'x');
      expect(app!.log.matching(/^warn: Discarding .* It is discarded/)).toHaveLength(1);
      expect(app!.log.matching(/group "retrying".*Forbidden resource.* tried again later/)).toHaveLength(1);
      expect(app!.log.matching(/dead letter/)).toEqual([]);
    });

    it('is not mistaken for one that fails, or for a handler that meets a refusal elsewhere', async () => {
      class FailingGuard implements CanActivate {
        canActivate(): never {
          throw new Error('no database');
        }
      }
      @MessageListener({ topic, consumerGroup })
      @UseGuards(new FailingGuard())
      class Guarded {
        onMessage(): void {}
      }
      @MessageListener({ topic, consumerGroup: 'others' })
      @UseGuards(TrailGuard)
      class Refused {
        onMessage(): never {
          throw new ForbiddenException('of another service');
        }
      }
      await send({ providers: [Guarded, Refused] }, 'x');
      expect(app!.log.matching(/no database.* tried again later/)).toHaveLength(1);
      expect(app!.log.matching(/of another service.* tried again later/)).toHaveLength(1);
    });
  });

  it('what a handler throws is no refusal, be it the very object that a guard threw for another message', async () => {
    const forbidden = new ForbiddenException('thrown twice');
    class FirstRefused implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        if (context.getArgByIndex<RocketContext>(1).message.keys === 'refused') throw forbidden;
        return true;
      }
    }
    @UseGuards(new FirstRefused())
    @MessageListener({ topic, consumerGroup })
    class Throwing {
      onMessage(): never {
        throw forbidden;
      }
    }
    await send({ providers: [Throwing] }, 'x', { KEYS: 'refused' });
    expect(app!.log.matching(/dead letter/)).toHaveLength(1);
    await app!.template.convertAndSend(topic, 'y');
    await app!.broker.whenIdle();
    expect(app!.log.matching(/dead letter/)).toHaveLength(1);
    expect(app!.log.matching(/thrown twice.* tried again later/)).toHaveLength(1);
  });

  describe('parameter decorators', () => {
    const Tenant = createParamDecorator((name: string, context: ExecutionContext) => {
      return RocketContext.from(context).headers[name];
    });

    it('give payload, headers, message and context, in any order, with pipes', async () => {
      @MessageListener({ topic, consumerGroup })
      class OrderListener {
        constructor(private readonly trail: Trail) {}

        onMessage(
          @RocketCtx() context: RocketContext,
          @RocketHeader('n', ParseIntPipe) n: number,
          @RocketMsg() message: MessageExt,
          @RocketPayload() payload: object,
          @RocketPayload('orderNo', UpperCasePipe) orderNo: string,
          @RocketHeader() headers: MessageHeaders,
          @Tenant('tenant') tenant: string,
        ): void {
          this.trail.steps.push(context.topic, n, message.topic, payload, orderNo, headers['n'], tenant);
        }
      }
      await send({ providers: [OrderListener] }, { orderNo: 'a' }, { n: 5, tenant: 't' });
      expect(steps).toEqual(['pipe', topic, 5, topic, { orderNo: 'a' }, 'A', '5', 't']);
    });

    it('leave the meaning of the others: the first is the payload, the second the message', async () => {
      @MessageListener({ topic, consumerGroup })
      class OrderListener {
        constructor(private readonly trail: Trail) {}

        onMessage(payload: string, message: MessageExt, @Tenant('tenant') tenant: string): void {
          this.trail.steps.push(payload, message.topic, tenant);
        }
      }
      await send({ providers: [OrderListener] }, 'x', { tenant: 't' });
      expect(steps).toEqual(['x', topic, 't']);
    });

    it('are not needed: a handler without enhancers gets payload and message alone', async () => {
      @MessageListener({ topic, consumerGroup })
      class OrderListener {
        constructor(private readonly trail: Trail) {}

        onMessage(...given: unknown[]): void {
          this.trail.steps.push(given.length, given[0]);
        }
      }
      await send({ providers: [OrderListener] }, 'x');
      expect(steps).toEqual([2, 'x']);
    });
  });

  describe('an invalid payload', () => {
    const invalid = { orderNo: 7, quantity: 0 };

    it('makes the message a dead letter, without retries', async () => {
      @Injectable()
      class Orders {
        constructor(private readonly trail: Trail) {}

        @MessageListener({ topic, consumerGroup })
        @UsePipes(new ValidationPipe({ transform: true }))
        handle(order: Order): void {
          this.trail.steps.push(order);
        }
      }
      await send({ providers: [Orders] }, invalid);
      expect(
        app!.log.matching(/does not take message .*orderNo must be a string; quantity must not be less than 1/),
      ).toHaveLength(1);
      expect(app!.log.matching(/dead letter/)).toHaveLength(1);
      await app!.template.convertAndSend(topic, { orderNo: 'A', quantity: 1 });
      await app!.broker.whenIdle();
      expect(steps).toEqual([Object.assign(new Order(), { orderNo: 'A', quantity: 1 })]);
    });

    it('tells the reader of the dead letter what is wrong with it', async () => {
      @MessageListener({ topic: `%DLQ%${consumerGroup}`, consumerGroup: 'undertaker' })
      class Undertaker {
        constructor(private readonly trail: Trail) {}

        onMessage(@RocketHeader('DLQ_REASON') reason: string, @RocketHeader('DLQ_DETAIL') detail: string): void {
          this.trail.steps.push(reason, detail);
        }
      }
      @UsePipes(ValidationPipe)
      @MessageListener({ topic, consumerGroup, payloadType: Order })
      class OrderListener {
        onMessage(): void {}
      }
      await send({ providers: [OrderListener, Undertaker] }, invalid);
      expect(steps).toEqual(['INVALID_PAYLOAD', 'orderNo must be a string; quantity must not be less than 1']);
    });

    it('of a batch takes its own message out, and not the others', async () => {
      @UsePipes(ValidationPipe)
      @MessageListener({ topic, consumerGroup, payloadType: Order, batchSize: 10 })
      class OrderListener {
        constructor(private readonly trail: Trail) {}

        onMessages(orders: Order[], messages: MessageExt[], @RocketCtx() context: RocketContext): void {
          this.trail.steps.push(orders.map(({ orderNo }) => orderNo).join(), messages.length, context.messages.length);
        }
      }
      app = await startApp({ providers: [Trail, OrderListener] });
      const valid = (orderNo: string): object => ({ orderNo, quantity: 1 });
      await app.template.syncSend(
        topic,
        [valid('a'), invalid, valid('b')].map((order) => new RocketMessage(order)),
      );
      await app.template.syncSend(topic, [new RocketMessage(invalid)]);
      await app.broker.whenIdle();
      expect(app.module.get(Trail).steps).toEqual(['a,b', 2, 2]);
      expect(app.log.matching(/message is a dead letter now/)).toHaveLength(2);
    });

    it('of a batch is refused once, and the others are as they came, when an interceptor tries again', async () => {
      class Exclaim implements PipeTransform {
        transform(text: string): string {
          if (text === 'bad') throw new BadRequestException('bad');
          return `${text}!`;
        }
      }
      class TryAgain implements NestInterceptor {
        intercept(_context: unknown, next: CallHandler): Observable<unknown> {
          return next.handle().pipe(retry(1));
        }
      }
      @UseInterceptors(TryAgain)
      @UsePipes(Exclaim)
      @MessageListener({ topic, consumerGroup, batchSize: 10 })
      class TextListener {
        constructor(private readonly trail: Trail) {}

        onMessages(texts: string[]): void {
          this.trail.steps.push(texts.join());
          if (this.trail.steps.length === 1) throw new Error('not yet');
        }
      }
      app = await startApp({ providers: [Trail, TextListener] });
      const texts = (...all: string[]): RocketMessage[] => all.map((text) => new RocketMessage(text));
      await app.template.syncSend(topic, texts('a', 'bad', 'b'));
      await app.broker.whenIdle();
      await app.template.syncSend(topic, texts('bad', 'bad'));
      await app.broker.whenIdle();
      expect(app.module.get(Trail).steps).toEqual(['a!,b!', 'a!,b!']);
      expect(app.log.matching(/message is a dead letter now/)).toHaveLength(3);
    });

    it('that is discarded from a batch is not counted by a handler that says how many are done', async () => {
      @UsePipes(ValidationPipe)
      @MessageListener({ topic, consumerGroup, payloadType: Order, batchSize: 10, onInvalidPayload: 'DISCARD' })
      class OrderListener {
        constructor(private readonly trail: Trail) {}

        onMessages(orders: Order[]): number {
          this.trail.steps.push(orders.map(({ orderNo }) => orderNo).join());
          return orders.length - 1;
        }
      }
      const world = new ManualWorld();
      app = await world.start({ providers: [Trail, OrderListener] });
      const order = (orderNo: unknown): RocketMessage => new RocketMessage({ orderNo, quantity: 1 });
      await app.template.syncSend(topic, [order('a'), order(1), order('b'), order(2), order('c')]);
      await app.broker.whenIdle();
      await world.pass(app, 10_000);
      expect(app.module.get(Trail).steps).toEqual(['a,b,c', 'c']);
    });

    it('is found by the payloadType where TypeScript says nothing of the parameter', async () => {
      @UsePipes(ValidationPipe)
      @MessageListener({ topic, consumerGroup, payloadType: Order, onInvalidPayload: 'DISCARD' })
      class OrderListener {
        onMessage(): void {
          throw new Error('was called');
        }
      }
      class Interfaces {
        @MessageListener({ topic, consumerGroup: 'interfaces', payloadType: Order, onInvalidPayload: 'DISCARD' })
        handle(@RocketPayload(new ValidationPipe()) _order: object): void {
          throw new Error('was called');
        }
      }
      await send({ providers: [OrderListener, Interfaces] }, invalid);
      expect(app!.log.matching(/^warn: .*its payload is invalid.* It is discarded/)).toHaveLength(2);
      expect(app!.log.matching(/was called/)).toEqual([]);
      expect(app!.log.matching(/without validating/)).toEqual([]);
    });

    it('goes through with a warning of Nest where nothing says its type', async () => {
      @UsePipes(ValidationPipe)
      @MessageListener({ topic, consumerGroup })
      class OrderListener {
        onMessage(): void {}
      }
      await send({ providers: [OrderListener] }, invalid);
      expect(app!.log.matching(/^warn: The OrderListener.onMessage\(\) .* without validating/)).toHaveLength(1);
    });

    it('is not one that can not be read at all, which has an option of its own', async () => {
      @MessageListener({ topic, consumerGroup, payloadType: Order, onUnreadablePayload: 'DEAD_LETTER' })
      class OrderListener {
        onMessage(): void {}
      }
      await send({ providers: [OrderListener] }, 'no JSON');
      expect(app!.log.matching(/dead letter/)).toHaveLength(1);
    });

    it("is retried as any failure when the listener says so, and filters see the pipe's own error", async () => {
      @Catch(BadRequestException)
      class SeeingFilter implements ExceptionFilter {
        catch(error: BadRequestException): void {
          seen.push(error.message);
        }
      }
      const seen: string[] = [];
      class Orders {
        @UseFilters(new SeeingFilter())
        @UsePipes(ValidationPipe)
        @MessageListener({ topic, consumerGroup, onInvalidPayload: 'RETRY' })
        handle(_order: Order): void {}
      }
      await send({ providers: [Orders] }, invalid);
      expect(seen).toEqual(['Bad Request Exception']);
      expect(app!.log.matching(/Bad Request Exception.* tried again later/)).toHaveLength(1);
    });

    it('is not mistaken for a pipe that fails', async () => {
      class FailingPipe implements PipeTransform {
        transform(): never {
          throw new Error('no database');
        }
      }
      class Orders {
        @UsePipes(new FailingPipe())
        @MessageListener({ topic, consumerGroup })
        handle(_order: unknown): void {}
      }
      await send({ providers: [Orders] }, 'x');
      expect(app!.log.matching(/no database.* tried again later/)).toHaveLength(1);
    });
  });

  it('there is no context of a message where there is no message', () => {
    const host = { getType: () => 'http', getArgByIndex: () => undefined } as unknown as ExecutionContext;
    expect(isRocketContext(host)).toBe(false);
    expect(() => RocketContext.from(host)).toThrow(RocketContextMissingError);
  });
});

describe('a request-scoped listener', () => {
  /** What stands for the tenant of a message, one for each delivery. */
  @Injectable({ scope: Scope.REQUEST })
  class Delivery {
    static made = 0;

    constructor(
      @Inject(REQUEST) readonly request: RocketContext,
      @Inject(ROCKET_MESSAGE) readonly message: MessageExt,
      readonly context: RocketContext,
    ) {
      Delivery.made++;
    }
  }

  it('has an instance for each delivery, with the message injected, and enhancers of its own', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class DeliveryGuard implements CanActivate {
      constructor(
        private readonly delivery: Delivery,
        private readonly trail: Trail,
      ) {}

      canActivate(): boolean {
        this.trail.steps.push(`guard ${this.delivery.context.topic}`);
        return true;
      }
    }
    @UseGuards(DeliveryGuard)
    @MessageListener({ topic, consumerGroup })
    @Injectable({ scope: Scope.REQUEST })
    class OrderListener {
      #calls = 0;

      constructor(
        private readonly delivery: Delivery,
        private readonly trail: Trail,
      ) {}

      onMessage(@RocketPayload(UpperCasePipe) payload: string, message: MessageExt): void {
        this.#calls++;
        const { request, context } = this.delivery;
        this.trail.steps.push(payload, this.#calls, request === context, this.delivery.message === message);
      }
    }
    const { app, steps } = await after({ providers: [OrderListener, Delivery] }, 'a');
    await app.template.convertAndSend(topic, 'b');
    await app.broker.whenIdle();
    const guard = `guard ${topic}`;
    expect(steps).toEqual([guard, 'pipe', 'A', 1, true, true, guard, 'pipe', 'B', 1, true, true]);
    await app.close();
  });

  it('can be one through what it injects, at a method, in a controller, and for batches', async () => {
    @Controller()
    class Orders {
      constructor(
        private readonly delivery: Delivery,
        private readonly trail: Trail,
      ) {}

      @MessageListener({ topic, consumerGroup })
      one(payload: unknown): void {
        this.trail.steps.push(`${this.delivery.message.topic} ${String(payload)}`);
      }

      @MessageListener({ topic, consumerGroup: 'batches', batchSize: 5 })
      many(payloads: unknown[]): void {
        this.trail.steps.push(`${this.delivery.context.messages.length} ${payloads.join()}`);
      }
    }
    const { app, steps } = await after({ providers: [Delivery], controllers: [Orders] }, 'a');
    expect(steps.map(String).toSorted()).toEqual(['1 a', 'orders a']);
    await app.close();
  });

  it('can come from a factory, which is called for each delivery', async () => {
    @MessageListener({ topic, consumerGroup })
    class OrderListener {
      constructor(
        private readonly trail: Trail,
        private readonly request: RocketContext,
      ) {}

      onMessage(payload: unknown): void {
        this.trail.steps.push(payload, this.request.topic);
      }
    }
    const useFactory = (trail: Trail, request: RocketContext): OrderListener => new OrderListener(trail, request);
    const { app, steps } = await after(
      { providers: [{ provide: OrderListener, useFactory, inject: [Trail, REQUEST] }] },
      'a',
    );
    expect(steps).toEqual(['a', topic]);
    await app.close();
  });

  it('that is durable is shared by the messages of a tenant', async () => {
    class ByTenant implements ContextIdStrategy<RocketContext> {
      readonly #ids = new Map<unknown, ContextId>();

      attach(contextId: ContextId, request: RocketContext): ContextIdResolver {
        const tenant = request.headers['tenant'];
        const shared = this.#ids.get(tenant) ?? ContextIdFactory.create();
        this.#ids.set(tenant, shared);
        return { resolve: ({ isTreeDurable }) => (isTreeDurable ? shared : contextId), payload: { tenant } };
      }
    }
    @Injectable({ scope: Scope.REQUEST, durable: true })
    class Tenant {
      constructor(@Inject(REQUEST) readonly request: { tenant: string }) {}
    }
    @MessageListener({ topic, consumerGroup })
    @Injectable({ scope: Scope.REQUEST, durable: true })
    class OrderListener {
      readonly #seen: unknown[] = [];

      constructor(
        private readonly tenant: Tenant,
        private readonly trail: Trail,
      ) {}

      onMessage(payload: unknown): void {
        this.#seen.push(payload);
        this.trail.steps.push(`${this.tenant.request.tenant}: ${this.#seen.join()}`);
      }
    }
    ContextIdFactory.apply(new ByTenant());
    try {
      const { app, steps } = await after({ providers: [OrderListener, Tenant] }, 1, { tenant: 'a' });
      await app.template.convertAndSend(topic, 2, { tenant: 'b' });
      await app.broker.whenIdle();
      await app.template.convertAndSend(topic, 3, { tenant: 'a' });
      await app.broker.whenIdle();
      expect(steps).toEqual(['a: 1', 'b: 2', 'a: 1,3']);
      await app.close();
    } finally {
      ContextIdFactory.apply(undefined as never);
    }
  });
});

describe('an app does not start', () => {
  it('with a guard that Nest would skip, because the listener is not listed as a class', async () => {
    @UseGuards(TrailGuard)
    @MessageListener({ topic, consumerGroup })
    class OrderListener {
      onMessage(): void {}
    }
    const error = await refusal({ providers: [{ provide: 'x', useFactory: () => new OrderListener() }] });
    expect(error).toBeInstanceOf(ListenerInvalidError);
    expect(error.message).toMatch(/^OrderListener .*TrailGuard stands at it as a class/);
  });

  it('with a parameter that would get nothing', async () => {
    class Orders {
      @UseGuards(TrailGuard)
      @MessageListener({ topic, consumerGroup })
      handle(_payload: unknown, _message: MessageExt, _more: unknown): void {}
    }
    const error = await refusal({ providers: [Orders] });
    expect(error).toBeInstanceOf(ListenerInvalidError);
    expect(error.message).toMatch(/^Orders.handle .*parameter 3 has no decorator/);
  });
});

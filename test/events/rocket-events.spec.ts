import { filter, map, mergeMap, of } from 'rxjs';
import { MessageListener, RocketEvents, type EngineEvent, type RocketListener } from 'nestjs-rocket';
import { startApp, type RocketApp } from '../e2e/rocket-app.js';

@MessageListener({ topic: 'orders', consumerGroup: 'g', maxReconsumeTimes: 0 })
class FailingListener implements RocketListener {
  onMessage(): never {
    throw new Error('no');
  }
}

describe('RocketEvents', () => {
  let app: RocketApp;
  let events: RocketEvents;

  beforeEach(async () => {
    app = await startApp({ providers: [FailingListener] });
    events = app.module.get(RocketEvents);
  });

  afterEach(() => app.close());

  const fail = async (): Promise<void> => {
    const seen = new Promise<void>((resolve) => {
      const subscription = events.of('messageDeadLettered').subscribe(() => {
        subscription.unsubscribe();
        resolve();
      });
    });
    await app.template.syncSend('orders', 'x');
    await seen;
  };

  it('streams failures, each with its type and data', async () => {
    const all: EngineEvent[] = [];
    events.all.subscribe((event) => all.push(event));
    await fail();
    expect(all).toMatchObject([
      { type: 'handlerFailed', group: 'g', topic: 'orders', attempt: 1, error: { message: 'no' } },
      { type: 'messageDeadLettered', group: 'g', deadLetterTopic: '%DLQ%g' },
    ]);
  });

  it('gives events of some types by name, typed', async () => {
    const topics: string[] = [];
    events.of('messageDeadLettered', 'messageRetried').subscribe(({ type, group }) => topics.push(`${type} ${group}`));
    await fail();
    expect(topics).toEqual(['messageDeadLettered g']);
  });

  it('survives subscribers that throw, at the end of operators as well', async () => {
    const heard: string[] = [];
    const boom = (): never => {
      throw new Error('boom');
    };
    events.all.subscribe(boom);
    events.all.subscribe({ next: boom });
    events.of('handlerFailed').subscribe(boom);
    events.all
      .pipe(
        filter(({ type }) => type === 'handlerFailed'),
        mergeMap((event) => of(event)),
      )
      .subscribe(boom);
    events.all.subscribe(({ type }) => heard.push(type));
    await fail();
    await fail();
    expect(heard).toEqual(['handlerFailed', 'messageDeadLettered', 'handlerFailed', 'messageDeadLettered']);
    // Of the four that throw, two hear of both events and two of one.
    expect(app.log.matching(/A subscriber to RocketEvents threw: boom/)).toHaveLength(2 * (2 + 2 + 1 + 1));
  });

  it('survives async subscribers that reject', async () => {
    const boom = (): unknown => Promise.reject(new Error('boom'));
    events.all.subscribe(boom);
    events.of('handlerFailed').subscribe({ next: boom });
    await fail();
    await new Promise(setImmediate);
    expect(app.log.matching(/A subscriber to RocketEvents threw: boom/)).toHaveLength(2 + 1);
  });

  it('ends only the stream of an operator that throws, and tells its subscriber', async () => {
    const errors: unknown[] = [];
    const broken = events.all.pipe(
      map(() => {
        throw new Error('mapped');
      }),
    );
    broken.subscribe({ error: (error: Error) => errors.push(error.message) });
    broken.subscribe();
    await fail();
    await fail();
    expect(errors).toEqual(['mapped']);
    expect(app.log.matching(/A subscriber to RocketEvents threw: mapped/)).toHaveLength(1);
  });

  it('completes when the app ends', async () => {
    const completed = new Promise<void>((resolve) => events.all.subscribe({ complete: resolve }));
    await app.close();
    await completed;
  });

  it('can be awaited and iterated as any Observable', async () => {
    const other = await startApp({ providers: [FailingListener] });
    const seen: string[] = [];
    const done = other.module.get(RocketEvents).all.forEach(({ type }) => void seen.push(type));
    await other.template.syncSend('orders', 'x');
    await other.broker.whenIdle();
    await other.close();
    await done;
    expect(seen).toEqual(['handlerFailed', 'messageDeadLettered']);
  });
});

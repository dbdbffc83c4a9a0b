import { Injectable, type OnModuleInit } from '@nestjs/common';
import { RocketTemplate, type RocketPullConsumer } from 'nestjs-rocket';
import { LOG_TOPIC, type LogLine } from './log.types.js';

/** A log in a topic: written by the way, and read when somebody wants to, by pulling. */
@Injectable()
export class ShopLog implements OnModuleInit {
  #consumer!: RocketPullConsumer<LogLine>;
  /** A consumer is polled by one caller at a time. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(private readonly rocket: RocketTemplate) {}

  async onModuleInit(): Promise<void> {
    this.#consumer = (await this.rocket.createPullConsumer({
      group: 'log-reader',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      autoCommit: false,
    })) as RocketPullConsumer<LogLine>;
    await this.#consumer.subscribe(LOG_TOPIC);
  }

  /** Does not wait for the disk: a line of the log may be lost in a crash. */
  async write(text: string): Promise<void> {
    const line: LogLine = { time: new Date().toISOString(), text };
    await this.rocket.sendOneWay(LOG_TOPIC, line);
  }

  /** The lines after those that were read before, at most so many. They are read when this resolves: who reads again gets the next ones. */
  async read(max: number): Promise<LogLine[]> {
    return this.#oneByOne(async () => {
      const polled = await this.#consumer.poll({ maxCount: max, timeoutMs: 0 });
      await this.#consumer.commit();
      return polled.map(({ payload }) => payload).toSorted((a, b) => a.time.localeCompare(b.time));
    });
  }

  /** Goes back to the first line. */
  async rewind(): Promise<void> {
    await this.#oneByOne(async () => {
      for (const queue of this.#consumer.assignment()) await this.#consumer.seekToBegin(queue);
    });
  }

  #oneByOne<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#reading.then(work);
    this.#reading = result.catch(() => undefined);
    return result;
  }
}

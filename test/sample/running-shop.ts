import type { INestApplication } from '@nestjs/common';
import { createShop } from '../../sample-app/src/create-shop.js';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The data of server-sent events, one at a time. */
export class EventStream {
  readonly #chunks: AsyncIterator<string>;
  readonly #ending: AbortController;
  #text = '';

  constructor(body: ReadableStream<Uint8Array>, ending: AbortController) {
    this.#chunks = body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    this.#ending = ending;
  }

  async next(): Promise<unknown> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const event = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data !== undefined) return JSON.parse(data) as unknown;
        continue;
      }
      const { value, done } = await this.#chunks.next();
      if (done === true) throw new Error('The stream has ended.');
      this.#text += value;
    }
  }

  close(): void {
    this.#ending.abort();
  }
}

/** The sample shop in this process, on a port of its own, spoken to over HTTP. */
export class RunningShop {
  readonly #app: INestApplication;
  readonly #url: string;

  private constructor(app: INestApplication, port: number) {
    this.#app = app;
    this.#url = `http://127.0.0.1:${port}`;
  }

  /** @param settings the environment variables of the shop */
  static async start(settings: Readonly<Record<string, string>>): Promise<RunningShop> {
    const before = { ...process.env };
    Object.assign(process.env, settings);
    try {
      const app = await createShop({ logger: false });
      const server = (await app.listen(0, '127.0.0.1')) as { address(): { port: number } };
      return new RunningShop(app, server.address().port);
    } finally {
      process.env = before;
    }
  }

  get(path: string): Promise<Answer> {
    return this.#request(path, {});
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.postText(path, JSON.stringify(body));
  }

  postText(path: string, body: string, contentType = 'application/json'): Promise<Answer> {
    return this.#request(path, { method: 'POST', body, headers: { 'content-type': contentType } });
  }

  /** Listens to server-sent events. */
  async listen(path: string): Promise<EventStream> {
    const ending = new AbortController();
    const response = await fetch(this.#url + path, { signal: ending.signal });
    return new EventStream(response.body!, ending);
  }

  async stop(): Promise<void> {
    await this.#app.close();
  }

  async #request(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(this.#url + path, init);
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  }
}

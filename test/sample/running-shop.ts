import type { INestApplication } from '@nestjs/common';
import { createShop } from '../../sample-app/src/create-shop.js';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
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

  async stop(): Promise<void> {
    await this.#app.close();
  }

  async #request(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(this.#url + path, init);
    return { status: response.status, body: await response.json() };
  }
}

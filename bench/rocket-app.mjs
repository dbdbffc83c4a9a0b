// A real Nest app around the engine.
import { NestFactory } from '@nestjs/core';
import { RocketModule, RocketTemplate } from 'nestjs-rocket';

/** Runs `work` with an app without HTTP whose store is on the disk. */
export async function withApp(store, work) {
  const app = await NestFactory.createApplicationContext(RocketModule.forRoot({ store }), {
    logger: ['error', 'warn'],
  });
  try {
    return await work({ app, template: app.get(RocketTemplate) });
  } finally {
    await app.close();
  }
}

/** An order whose JSON takes so many bytes. */
export function jsonPayload(bytes) {
  const payload = { id: 4711, customer: 'madoka', paid: true, total: 23.33, note: '' };
  payload.note = 'n'.repeat(bytes - JSON.stringify(payload).length);
  return payload;
}

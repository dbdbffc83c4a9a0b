import { sayNow } from './say-now.mjs';

await import('@nestjs/core');
sayNow();

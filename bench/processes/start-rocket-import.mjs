import { sayNow } from './say-now.mjs';

await import('nestjs-rocket');
sayNow();

import { sayNow } from './say-now.mjs';

sayNow();

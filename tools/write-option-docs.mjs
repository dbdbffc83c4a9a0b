// Writes docs/options.md. usage: npm run docs:options
import { writeFileSync } from 'node:fs';
import { resolveListenerOptions } from '../build/listener/listener-options.js';
import { resolveRocketOptions } from '../build/rocket.options.js';
import { defaults, optionDocument } from './option-tables.mjs';

const listener = resolveListenerOptions('a listener', { topic: 'orders', consumerGroup: 'billing' });
const text = optionDocument(defaults(resolveRocketOptions({}), listener));
writeFileSync(new URL('../docs/options.md', import.meta.url), text);

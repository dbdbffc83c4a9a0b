// Writes docs/options.md. usage: npm run docs:options
import { writeFileSync } from 'node:fs';
import { resolveListenerOptions } from '../dist/listener/listener-options.js';
import { resolveRocketOptions } from '../dist/rocket.options.js';
import { optionDocument } from './option-tables.mjs';

const { broker, ...own } = resolveRocketOptions({});
const listener = resolveListenerOptions('a listener', { topic: 'orders', consumerGroup: 'billing' });
const { topic, consumerGroup, id, ...optional } = listener;
const resolved = {
  ...broker,
  ...own,
  listener: { ...optional, selectorType: listener.selector.type, selectorExpression: listener.selector.expression },
};
writeFileSync(new URL('../docs/options.md', import.meta.url), optionDocument(resolved));

export * from './message-builder.js';
export * from './rocket-template.js';
export type { MessageOptions, SendMessageOptions } from './send-options.js';

export { BatchSplitter, type BatchSplitterOptions } from './batch-splitter.js';
export * from './message-builder.js';
export type { DelayOptions } from './delay.js';
export type { MessageBatch } from './message-batch.js';
export * from './rocket-template.js';
export type { DelayedSendOptions, MessageOptions, SendBatchOptions, SendMessageOptions } from './send-options.js';
export type { RequestCallback, RequestOptions } from './request-arguments.js';
export type { OutcomeCallback } from './send-outcome.js';

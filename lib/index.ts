export {
  InjectRocketTemplate,
  LocalTransactionState,
  MessageListener,
  RocketCtx,
  RocketHeader,
  RocketMsg,
  RocketPayload,
  TransactionListener,
  type BatchListenerDecorator,
  type BatchListenerOptions,
  type DeclaredBatchListenerOptions,
  type DeclaredListenerOptions,
  type LocalTransactionListener,
  type MessageListenerDecorator,
  type MessageListenerOptions,
  type ParameterPipe,
  type RocketBatchListener,
  type RocketListener,
  type RocketReplyListener,
  type TransactionListenerDecorator,
  type TransactionListenerOptions,
} from './decorators/index.js';
export {
  DefaultMessageConverter,
  RocketHeaders,
  RocketMessage,
  type EncodedMessage,
  type EncodedPayload,
  type MessageConverter,
  type MessageHeaders,
  type PayloadOf,
  type PayloadType,
} from './converter/index.js';
export { ROCKET_CONTEXT_TYPE, RocketContext, isRocketContext } from './execution/index.js';
export { RocketAdmin } from './rocket.admin.js';
export {
  RocketListenerRegistry,
  type BatchListenerFunction,
  type DynamicListenerHandle,
  type ListenerFunction,
  type ListenerHandle,
  type ListenerKey,
  type ListenerStatus,
} from './listener/index.js';
export { RocketEvents, type EngineEventOf } from './events/index.js';
export type { ConfigReader, Configurable } from './rocket.config.js';
export type { ContextCarrier } from './rocket.context-carrier.js';
export { RocketControl } from './rocket.lifecycle.control.js';
export type { EngineInstrumentation } from './rocket.instrumentation.js';
export { RocketModule } from './rocket.module.js';
export type { RocketModuleAsyncOptions, RocketModuleExtras } from './rocket.module-definition.js';
export type { RocketFeatureOptions } from './rocket.module-feature.js';
export type { TemplatePullOptions } from './rocket.pull-options.js';
export type { ConsumerOptions, ProducerOptions, RocketModuleOptions, RocketOptionsFactory } from './rocket.options.js';
export {
  ROCKET_CONVERTER,
  ROCKET_ENGINE,
  ROCKET_MESSAGE,
  getRocketStoreToken,
  getRocketTemplateToken,
} from './rocket.tokens.js';
export {
  BatchSplitter,
  MessageBuilder,
  PulledMessage,
  RocketPullConsumer,
  RocketTemplate,
  type BatchSplitterOptions,
  type DelayOptions,
  type DelayedSendOptions,
  type MessageBatch,
  type MessageOptions,
  type OutcomeCallback,
  type ReceiveOptions,
  type RequestCallback,
  type RequestOptions,
  type RocketPullConsumerOptions,
  type SendBatchOptions,
  type SendCallback,
  type SendMessageOptions,
} from './template/index.js';
export type { TransactionSendResult } from './transaction/index.js';

export * from './engine/index.js';
export * from './errors/index.js';

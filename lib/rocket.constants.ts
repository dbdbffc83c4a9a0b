/** The context under which the module logs. */
export const ROCKET_LOG_CONTEXT = 'RocketModule';

/** The context under which the embedded broker logs. */
export const ROCKET_ENGINE_LOG_CONTEXT = 'RocketEngine';

export const DEFAULT_PRODUCER_GROUP = 'nestjs-rocket';

// Metadata keys. Only the accessors of lib/listener and lib/transaction read them.
export const MESSAGE_LISTENER_METADATA = 'rocket:message-listener';
export const TRANSACTION_LISTENER_METADATA = 'rocket:transaction-listener';

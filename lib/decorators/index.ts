export * from './handler-parameters.decorator.js';
export * from './inject-rocket-template.decorator.js';
export * from './message-listener.decorator.js';
export * from './transaction-listener.decorator.js';

export * from './default-message-converter.js';
export * from './message-converter.js';
export * from './payload-of.js';
export * from './payload-type.js';
export * from './received-headers.js';
export * from './rocket-headers.js';
export * from './rocket-message.js';

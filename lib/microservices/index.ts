export type { RocketPattern } from './pattern.js';
export { RocketClient, type RocketClientOptions } from './rocket.client.js';
export { RocketRpcContext } from './rocket-rpc.context.js';
export { RocketRpcExceptionFilter } from './rocket-rpc-exception.filter.js';
export { ROCKET_TRANSPORT, RocketServer, type RocketServerEvents } from './rocket.server.js';
export type { RocketServerOptions } from './rocket-server.options.js';

export type { DynamicListenerHandle, ListenerHandle, ListenerStatus } from './listener-handle.js';
export { readDeclaration } from './listener-declaration.js';
export { ListenerContainer } from './listener.container.js';
export { ListenerExplorer } from './listener.explorer.js';
export { ListenerMetadataAccessor } from './listener-metadata.accessor.js';
export {
  RocketListenerRegistry,
  type BatchListenerFunction,
  type ListenerFunction,
  type ListenerKey,
} from './listener.registry.js';

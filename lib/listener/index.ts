export { ListenerContainer } from './listener.container.js';
export { ListenerExplorer } from './listener.explorer.js';
export { ListenerMetadataAccessor } from './listener-metadata.accessor.js';

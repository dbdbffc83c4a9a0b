import type { MessageEngine } from './engine/index.js';

/**
 * Puts something around the engine that the module works with, such as spans around sends and handlers. Everything in the app that sends or listens goes through
 * what it returns.
 */
export interface EngineInstrumentation {
  /** @returns an engine that does the same; what it leaves out must be handed on to the one given */
  instrument(engine: MessageEngine): MessageEngine;
}

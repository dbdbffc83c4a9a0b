/** Where the engine writes its few lines. Nest's `Logger` fits this shape. */
export interface EngineLogger {
  debug(message: string): void;
  log(message: string): void;
  warn(message: string): void;
  error(message: string, stack?: string): void;
}

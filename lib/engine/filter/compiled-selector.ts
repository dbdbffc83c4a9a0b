/** What a filter may look at in a message. */
export interface FilterableMessage {
  readonly tags: string | undefined;
  /** All properties, RocketMQ's own and the application's. */
  readonly properties: Readonly<Record<string, string>>;
}

/** A selector made ready to run. Neither function throws, whatever the message holds; a selector without any accepts everything. */
export interface CompiledSelector {
  /**
   * Looks at the tags code of a consume queue entry. True says "perhaps": different tags can have the same code. False is certain, so
   * the record need not be read.
   */
  readonly acceptsTagsCode?: (tagsCode: number) => boolean;
  /** Looks at the message, and has the last word. */
  readonly accepts?: (message: FilterableMessage) => boolean;
  /** Why it is hardly what was meant, though it is allowed. */
  readonly doubt?: string;
}

import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  trace,
  type Context,
  type Link,
  type TextMapSetter,
} from '@opentelemetry/api';
import type { Message, MessageExt } from '../../engine/index.js';

type Properties = Readonly<Record<string, string>>;

/**
 * The message with the context in its properties: `traceparent` and `tracestate` with W3C's propagator, which is OpenTelemetry's default. A message that carries
 * a context already keeps it: it was created elsewhere, and is only passed on here.
 */
export function withContext<M extends Pick<Message, 'properties'>>(message: M, context: Context): M {
  if (linkTo(message.properties) !== undefined) return message;
  const carried: Record<string, string> = {};
  propagation.inject(context, carried, NOT_BLANK);
  return Object.keys(carried).length === 0
    ? message
    : { ...message, properties: { ...message.properties, ...carried } };
}

/** A request whose `tracestate` can not be read has an empty one afterwards, and a message with a blank property is refused. */
const NOT_BLANK: TextMapSetter<Record<string, string>> = {
  set(carried, name, value) {
    if (value.trim() !== '') defaultTextMapSetter.set(carried, name, value);
  },
};

/** The context in which a message was created; an empty one when it carries none. */
export function contextOf(message: Pick<MessageExt, 'properties'>): Context {
  return propagation.extract(ROOT_CONTEXT, message.properties, defaultTextMapGetter);
}

/** A link to where a message was created. Undefined: it does not say. */
export function linkTo(properties: Properties | undefined): Link | undefined {
  if (properties === undefined) return undefined;
  const created = trace.getSpanContext(contextOf({ properties }));
  return created !== undefined && isSpanContextValid(created) ? { context: created } : undefined;
}

/** The links of several messages; those that carry no context have none. */
export function linksTo(messages: readonly { readonly properties?: Properties | undefined }[]): Link[] {
  return messages.flatMap(({ properties }) => linkTo(properties) ?? []);
}

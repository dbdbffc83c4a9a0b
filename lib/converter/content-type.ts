export const CONTENT_TYPE_PROPERTY = 'contentType';

// What Spring's converters write; a listener on either side understands them.
export const TEXT_CONTENT_TYPE = 'text/plain;charset=UTF-8';
export const JSON_CONTENT_TYPE = 'application/json';
export const BINARY_CONTENT_TYPE = 'application/octet-stream';

export interface ContentType {
  readonly kind: 'text' | 'json' | 'binary';
  /** The charset parameter in lower case; `utf-8` when there is none. */
  readonly charset: string;
}

export function parseContentType(contentType: string): ContentType {
  const [mediaType = '', ...parameters] = contentType.toLowerCase().split(';');
  const charset = parameters
    .map((parameter) => /^\s*charset\s*=\s*"?([^"\s]+)"?\s*$/.exec(parameter)?.[1])
    .find((value) => value !== undefined);
  return { kind: kindOf(mediaType.trim()), charset: charset ?? 'utf-8' };
}

function kindOf(mediaType: string): ContentType['kind'] {
  if (mediaType === JSON_CONTENT_TYPE || mediaType.endsWith('+json')) return 'json';
  return mediaType.startsWith('text/') ? 'text' : 'binary';
}

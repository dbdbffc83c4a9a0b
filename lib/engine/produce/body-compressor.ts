import { deflate, deflateSync } from 'node:zlib';

import { SysFlag, type Activity, type MaybePromise } from '../types/index.js';

/** A body as it is stored, and the bits of `sysFlag` that say how. */
export interface StoredBody {
  readonly body: Uint8Array;
  readonly sysFlag: number;
}

/** RocketMQ's level: quick rather than small. */
const ZLIB_LEVEL = 5;
/** Bits of ZLIB in the compression type, as RocketMQ's clients set them. */
const TYPE_ZLIB = 0x300;
/** Up to this size compressing takes about a millisecond; larger bodies are left to another thread. */
const SYNC_UP_TO_BYTES = 32 * 1024;

/** Compresses large bodies as RocketMQ's producers do (`compressMsgBodyOverHowmuch`). */
export class BodyCompressor {
  readonly #fromBytes: number;
  readonly #activity: Activity;

  /**
   * @param fromBytes bodies of this size and above are compressed
   * @param activity told of what another thread is at, which nothing else in this process shows
   */
  constructor(fromBytes: number, activity: Activity) {
    this.#fromBytes = fromBytes;
    this.#activity = activity;
  }

  /** The body as it is to be stored. What does not become smaller stays as it is. */
  compress(body: Uint8Array): MaybePromise<StoredBody> {
    if (body.length < this.#fromBytes) return { body, sysFlag: 0 };
    if (body.length <= SYNC_UP_TO_BYTES) return smaller(body, deflateSync(body, { level: ZLIB_LEVEL }));
    const end = this.#activity.begin();
    return new Promise((resolve, reject) => {
      deflate(body, { level: ZLIB_LEVEL }, (error, compressed) => {
        end();
        if (error === null) resolve(smaller(body, compressed));
        else reject(error);
      });
    });
  }
}

function smaller(body: Uint8Array, compressed: Uint8Array): StoredBody {
  if (compressed.length >= body.length) return { body, sysFlag: 0 };
  return { body: compressed, sysFlag: SysFlag.COMPRESSED | TYPE_ZLIB };
}

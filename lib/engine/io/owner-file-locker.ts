import { randomBytes } from 'node:crypto';
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import type { FileLock } from '../types/file-system.js';
import { LOCK_FILE_CONTENT, type FileLocker } from './file-locker.js';
import { errorCode } from './file-system-error.js';
import { identifyThisProcess, isRunning, type ProcessIdentity } from './process-identity.js';

interface Owner extends ProcessIdentity {
  /** Different for each attempt to lock, so that two owners are never mistaken for each other. */
  readonly nonce: string;
}

// Every attempt that fails means that somebody else moved on meanwhile. That many in a row mean that the lock is hotly wanted: held.
const MOST_ATTEMPTS = 8;
// A level more is needed for each contender that died in the middle of a takeover.
const MOST_TAKEOVER_LEVELS = 3;

/**
 * Locks by a companion file `<path>.owner` that names the process. It is for platforms without a native lock, and weaker: it sees
 * only processes of the same machine and the same pid namespace, so two containers that share a volume do not exclude each other,
 * and neither does a RocketMQ broker.
 */
export class OwnerFileLocker implements FileLocker {
  async tryLock(path: string): Promise<FileLock | undefined> {
    await makeLockFile(path);
    const owner: Owner = { ...(await identifyThisProcess()), nonce: randomBytes(8).toString('hex') };
    const candidate = `${path}.${owner.nonce}`;
    // Flushed, or a power cut could leave an owner file that nobody can read, and so nobody can take over.
    await writeFile(candidate, JSON.stringify(owner), { flag: 'wx', flush: true });
    try {
      if (!(await acquire(`${path}.owner`, candidate, 0))) return undefined;
    } finally {
      await unlinkIfThere(candidate);
    }
    let releasing: Promise<void> | undefined;
    return { release: () => (releasing ??= release(`${path}.owner`, owner)) };
  }
}

/**
 * Makes `candidate` the content of `ownerFile` if nobody who lives has it. Nobody ever sees a half-written owner, because the file
 * appears complete, by a hard link, which fails when the name is taken.
 *
 * A dead owner's file is replaced under a lock of its own, named after the dead owner. Without that, of two contenders that both
 * saw the dead owner, the second could throw out the first.
 */
async function acquire(ownerFile: string, candidate: string, level: number): Promise<boolean> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    if (await linkIfFree(candidate, ownerFile)) return true;
    const found = await readOwner(ownerFile);
    if (found === 'none') continue;
    if (found === 'unreadable' || level === MOST_TAKEOVER_LEVELS || (await isRunning(found))) return false;

    const takeoverFile = `${ownerFile}.${found.nonce}`;
    if (!(await acquire(takeoverFile, candidate, level + 1))) return false;
    try {
      const present = await readOwner(ownerFile);
      if (typeof present === 'object' && present.nonce === found.nonce) {
        await replace(candidate, ownerFile);
        return true;
      }
    } finally {
      await unlinkIfThere(takeoverFile);
    }
  }
  return false;
}

/** Looks before it removes: another machine or container, which can't see that this process lives, may have taken the lock. */
async function release(ownerFile: string, owner: Owner): Promise<void> {
  const present = await readOwner(ownerFile);
  if (typeof present === 'object' && present.nonce === owner.nonce) await unlinkIfThere(ownerFile);
}

async function linkIfFree(candidate: string, ownerFile: string): Promise<boolean> {
  try {
    await link(candidate, ownerFile);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** A rename of one link over another of the same file does nothing (POSIX), so the new owner comes from a copy. */
async function replace(candidate: string, ownerFile: string): Promise<void> {
  const copy = `${candidate}.new`;
  await writeFile(copy, await readFile(candidate), { flush: true });
  await rename(copy, ownerFile);
}

async function readOwner(ownerFile: string): Promise<Owner | 'none' | 'unreadable'> {
  let text: string;
  try {
    text = await readFile(ownerFile, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'none';
    throw error;
  }
  try {
    const parsed: unknown = JSON.parse(text);
    return isOwner(parsed) ? parsed : 'unreadable';
  } catch {
    return 'unreadable';
  }
}

function isOwner(value: unknown): value is Owner {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, nonce, bootId, startTime } = value as Record<string, unknown>;
  return (
    Number.isSafeInteger(pid) &&
    // The nonce becomes part of a file name.
    typeof nonce === 'string' &&
    /^[0-9a-f]{16}$/.test(nonce) &&
    (bootId === undefined || typeof bootId === 'string') &&
    (startTime === undefined || typeof startTime === 'string')
  );
}

async function makeLockFile(path: string): Promise<void> {
  try {
    await writeFile(path, LOCK_FILE_CONTENT, { flag: 'wx' });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

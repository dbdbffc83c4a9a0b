import type { Random } from '../types/random.js';
import type { FileHandle, FileSystem } from '../types/file-system.js';

/** A call of a file system or of an open file. */
export type FileOperation = keyof FileSystem | keyof FileHandle;
export type InjectedErrorCode = 'EIO' | 'ENOSPC' | 'EMFILE';

/** What goes wrong by chance. */
export interface FaultRates {
  /** Calls out of a thousand that fail. */
  readonly errorsPerMille: number;
  /** What they fail with, where it fits the call. */
  readonly codes: readonly InjectedErrorCode[];
  /** A call takes up to this many turns of the event loop before it has its effect, and as many after it. */
  readonly maxLatencyTurns: number;
}

/** A failure that is wanted. */
export interface OrderedFault {
  readonly code: InjectedErrorCode;
  /** Default: any. */
  readonly operation?: FileOperation;
  /** Only calls whose path contains this. Default: all. */
  readonly pathPart?: string;
  /** Calls that fail. Default 1. */
  readonly times?: number;
}

export const NO_FAULTS: FaultRates = { errorsPerMille: 0, codes: [], maxLatencyTurns: 0 };

const takesRoom: ReadonlySet<FileOperation> = new Set([
  'write',
  'truncate',
  'makeDirectory',
  'rename',
  'tryLock',
  'open',
]);
const takesDescriptor: ReadonlySet<FileOperation> = new Set(['open', 'readFile', 'list', 'syncDirectory', 'tryLock']);

/** Decides which calls fail. */
export class FaultPlan {
  rates: FaultRates = NO_FAULTS;
  readonly #random: Random;
  #ordered: { readonly fault: OrderedFault; rest: number }[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  order(fault: OrderedFault): void {
    this.#ordered.push({ fault, rest: fault.times ?? 1 });
  }

  /** A call may fail. */
  get isActive(): boolean {
    return this.rates.errorsPerMille > 0 || this.#ordered.length > 0;
  }

  /** Nothing goes wrong any more. */
  clear(): void {
    this.rates = NO_FAULTS;
    this.#ordered = [];
  }

  /** The error of this call; undefined when it is to succeed. */
  errorOf(operation: FileOperation, path: string): InjectedErrorCode | undefined {
    const ordered = this.#ordered.find(({ fault }) => fits(fault, operation, path));
    if (ordered !== undefined) {
      ordered.rest -= 1;
      if (ordered.rest === 0) this.#ordered = this.#ordered.filter((other) => other !== ordered);
      return ordered.fault.code;
    }
    const { errorsPerMille, codes } = this.rates;
    if (errorsPerMille === 0 || this.#random.nextInt(1000) >= errorsPerMille) return undefined;
    const possible = codes.filter((code) => canFailWith(operation, code));
    return possible.length === 0 ? undefined : possible[this.#random.nextInt(possible.length)];
  }

  latencyTurns(): number {
    const { maxLatencyTurns } = this.rates;
    return maxLatencyTurns === 0 ? 0 : this.#random.nextInt(maxLatencyTurns + 1);
  }
}

function fits({ operation, pathPart }: OrderedFault, actual: FileOperation, path: string): boolean {
  return (operation === undefined || operation === actual) && (pathPart === undefined || path.includes(pathPart));
}

function canFailWith(operation: FileOperation, code: InjectedErrorCode): boolean {
  if (code === 'ENOSPC') return takesRoom.has(operation);
  if (code === 'EMFILE') return takesDescriptor.has(operation);
  return true;
}

import { randomInt } from 'node:crypto';
import type { Random } from '../types/random.js';
import { checkBound } from './random-bound.js';

/** Unpredictable numbers from the system. */
export class SystemRandom implements Random {
  nextInt(bound: number): number {
    checkBound(bound);
    return randomInt(bound);
  }
}

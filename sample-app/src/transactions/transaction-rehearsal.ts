/**
 * What a caller asks to be acted out, so that each way a transaction can go is seen:
 *
 * - `commit`: all goes well
 * - `rollback`: the local transaction is rolled back
 * - `unknown`: the local transaction is committed, and the answer is lost; the check-back finds its row
 * - `throw`: the local transaction fails in the middle, with an error; the check-back finds no row
 */
export const REHEARSALS = ['commit', 'rollback', 'unknown', 'throw'] as const;

export type Rehearsal = (typeof REHEARSALS)[number];

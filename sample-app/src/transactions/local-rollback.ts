/** Thrown within a local transaction to take it back for a reason of the business. */
export class LocalRollback extends Error {}

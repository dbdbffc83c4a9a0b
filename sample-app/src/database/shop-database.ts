import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database, { type Statement } from 'libsql';
import { SCHEMA } from './schema.js';

export type SqlValue = string | number | null;

/**
 * The shop's database: SQLite in this process, through libsql. A commit is on disk when the call returns.
 *
 * All calls are synchronous, so nothing of the app runs in the middle of a transaction, and one connection is enough.
 */
export class ShopDatabase {
  readonly #connection: Database.Database;
  /** As many as there are SQL texts in the source. */
  readonly #statements = new Map<string, Statement>();

  constructor(directory: string) {
    this.#connection = open(directory);
    this.#connection.pragma('journal_mode = WAL');
    this.#connection.pragma('synchronous = FULL');
    this.#connection.pragma('foreign_keys = ON');
    this.#connection.exec(SCHEMA);
  }

  /** @returns the number of rows that were changed */
  run(sql: string, ...values: SqlValue[]): number {
    return this.#prepare(sql, values).run(...values).changes;
  }

  all<Row>(sql: string, ...values: SqlValue[]): Row[] {
    return this.#prepare(sql, values).all(...values) as Row[];
  }

  /** Commits what `work` does, all of it, or nothing when it throws. */
  transaction<T>(work: () => T): T {
    return this.#connection.transaction(work).immediate();
  }

  close(): void {
    this.#connection.close();
  }

  #prepare(sql: string, values: readonly unknown[]): Statement {
    // libsql ends the process when it is handed a boolean, so what may come from outside is looked at here once more.
    for (const value of values) {
      if (value === null || typeof value === 'string' || typeof value === 'number') continue;
      throw new TypeError(`The database takes texts, numbers and null, not a ${typeof value}.`);
    }
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function open(directory: string): Database.Database {
  try {
    mkdirSync(directory, { recursive: true });
    return new Database(join(directory, 'shop.db'));
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(`No database can be opened in ${directory} (DATA_DIR): ${reason}.`, { cause: error });
  }
}

import { Column, DataSource, Entity, PrimaryColumn } from 'typeorm';

@Entity()
export class Payment {
  @PrimaryColumn('varchar')
  paymentId!: string;

  @Column('integer')
  amountCents!: number;
}

/** What was handled, or decided: one row for each message and whoever notes it. */
@Entity()
export class Done {
  @PrimaryColumn('varchar')
  id!: string;
}

/** SQLite, through TypeORM. */
export async function openDatabase(): Promise<DataSource> {
  const database = new DataSource({ type: 'sqljs', entities: [Payment, Done], synchronize: true });
  return database.initialize();
}

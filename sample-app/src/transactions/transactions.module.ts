import { Module } from '@nestjs/common';
import { LocalTransactions } from './local-transactions.js';

@Module({ providers: [LocalTransactions], exports: [LocalTransactions] })
export class TransactionsModule {}

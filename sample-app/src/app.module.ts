import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { RocketModule } from 'nestjs-rocket';
import { ChatModule } from './chat/chat.module.js';
import { DatabaseModule } from './database/database.module.js';
import { EventsModule } from './events/events.module.js';
import { FeesModule } from './fees/fees.module.js';
import { FlakyModule } from './flaky/flaky.module.js';
import { LedgerModule } from './ledger/ledger.module.js';
import { LogModule } from './log/log.module.js';
import { LoveModule } from './love/love.module.js';
import { MessagesModule } from './messages/messages.module.js';
import { OrdersModule } from './orders/orders.module.js';
import { PageModule } from './page/page.module.js';
import { QuotesModule } from './quotes/quotes.module.js';
import { RefundsModule } from './refunds/refunds.module.js';
import { StepsModule } from './steps/steps.module.js';
import { TransfersModule } from './transfers/transfers.module.js';
import { shopConfig, type ShopConfig } from './shop.config.js';

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true, load: [shopConfig] }),
    RocketModule.forRootAsync({
      inject: [shopConfig.KEY],
      useFactory: ({ dataDirectory, checkTimeoutMs, checkIntervalMs }: ShopConfig) => ({
        producer: { group: 'shop' },
        store: { path: join(dataDirectory, 'rocket-store') },
        transaction: { transactionTimeoutMs: checkTimeoutMs, checkIntervalMs },
      }),
    }),
    DatabaseModule,
    EventsModule,
    LoveModule,
    MessagesModule,
    OrdersModule,
    FeesModule,
    RefundsModule,
    LedgerModule,
    FlakyModule,
    ChatModule,
    QuotesModule,
    LogModule,
    StepsModule,
    TransfersModule,
    PageModule,
  ],
})
export class AppModule {}

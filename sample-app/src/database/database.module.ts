import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { shopConfig, type ShopConfig } from '../shop.config.js';
import { ShopDatabase } from './shop-database.js';

/** The database closes in onApplicationShutdown: by then the last message handler and the last HTTP request are through. */
@Global()
@Module({
  providers: [
    {
      provide: ShopDatabase,
      inject: [shopConfig.KEY],
      useFactory: ({ dataDirectory }: ShopConfig) => new ShopDatabase(dataDirectory),
    },
  ],
  exports: [ShopDatabase],
})
export class DatabaseModule implements OnApplicationShutdown {
  readonly #database: ShopDatabase;

  constructor(@Inject(ShopDatabase) database: ShopDatabase) {
    this.#database = database;
  }

  onApplicationShutdown(): void {
    this.#database.close();
  }
}
